// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import Foundation
import KeyManagement
import Secrets

/// A third-party server that speaks AWS's protocols, run by a script of this folder and driven by lines.
final class AWSServer: Sendable {
  /// What the script writes once the server serves.
  struct Details: Decodable {
    struct User: Decodable {
      let accessKeyId: String
      let secretAccessKey: String
    }
    let endpoint: String
    let ca: String
    let region: String
    let keyArn: String
    let allowed: User
    let denied: User
    let roleArn: String

    /// The service of a role that `user` assumes.
    func role(
      _ factory: KeyManagementFactory, _ user: User, arn: String? = nil, externalID: String? = "shop-7"
    ) throws -> any KeyManagementService {
      try factory.makeService(
        settings: KMSSettings(
          provider: .aws, keyID: keyArn, region: region, endpoint: endpoint, certificateAuthorityPEM: ca,
          credentials: .awsRole(arn: arn ?? roleArn, externalID: externalID, accessKeyID: user.accessKeyId),
          issuerEndpoint: endpoint),
        secret: Secret(try SecretBytes(copying: Array(user.secretAccessKey.utf8))))
    }

    func service(
      _ factory: KeyManagementFactory, _ user: User, secret: String? = nil, accessKeyID: String? = nil,
      keyID: String? = nil
    ) throws -> any KeyManagementService {
      try factory.makeService(
        settings: KMSSettings(
          provider: .aws, keyID: keyID ?? keyArn, region: region, endpoint: endpoint, certificateAuthorityPEM: ca,
          accessKeyID: accessKeyID ?? user.accessKeyId),
        secret: Secret(try SecretBytes(copying: Array((secret ?? user.secretAccessKey).utf8))))
    }
  }

  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("aws-\(UUID().uuidString)").path
  private let script: String
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()

  /// Starts the server `NAME_server.py` runs, with the packages of a virtual environment.
  init(_ name: String, environment: String) throws {
    script = "\(name)_server.py"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    process.executableURL = URL(fileURLWithPath: "\(environment)/bin/python")
    // -B: no compiled modules beside the sources.
    process.arguments = ["-B", "\(Interop.folder)/\(script)", folder]
    process.standardInput = input
    process.standardOutput = output
    process.standardError = FileHandle.standardError
    try process.run()
    try expectAnswer()
  }

  func details() throws -> Details {
    try JSONDecoder().decode(Details.self, from: Data(contentsOf: URL(fileURLWithPath: "\(folder)/server.json")))
  }

  func send(_ command: String) throws {
    try input.fileHandleForWriting.write(contentsOf: Data("\(command)\n".utf8))
    try expectAnswer()
  }

  func stop() throws {
    try input.fileHandleForWriting.close()
    process.waitUntilExit()
    try FileManager.default.removeItem(atPath: folder)
  }

  private func expectAnswer() throws {
    var answer = ""
    while !answer.hasSuffix("\n") {
      let piece = output.fileHandleForReading.availableData
      if piece.isEmpty { break }  // the script has ended
      answer += String(decoding: piece, as: UTF8.self)
    }
    guard answer == "ok\n" else { throw ProcessFailure(description: "\(script) answered '\(answer)'") }
  }
}
