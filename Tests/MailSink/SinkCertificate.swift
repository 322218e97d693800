// SPDX-License-Identifier: GPL-3.0-or-later
internal import Foundation
internal import NIOSSL

/// An authority and a server certificate for localhost and 127.0.0.1, made by the openssl command.
struct SinkCertificate: Sendable {
  let folder: String
  let authority: String

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("keyfold-mail-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    try "subjectAltName=DNS:localhost,IP:127.0.0.1".write(toFile: folder + "/san", atomically: true, encoding: .utf8)
    try Self.openssl("req -x509 \(key) -days 2 -subj /CN=ca -keyout ca.key -out ca.pem", in: folder)
    try Self.openssl("req \(key) -subj /CN=mail -keyout mail.key -out mail.csr", in: folder)
    try Self.openssl(
      "x509 -req -days 2 -in mail.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile san -out mail.pem", in: folder)
    authority = try String(contentsOfFile: folder + "/ca.pem", encoding: .utf8)
  }

  func context() throws -> NIOSSLContext {
    try NIOSSLContext(
      configuration: .makeServerConfiguration(
        certificateChain: NIOSSLCertificate.fromPEMFile(folder + "/mail.pem").map { .certificate($0) },
        privateKey: .privateKey(NIOSSLPrivateKey(file: folder + "/mail.key", format: .pem))))
  }

  func remove() { try? FileManager.default.removeItem(atPath: folder) }

  private static func openssl(_ arguments: String, in folder: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
    process.arguments = arguments.split(separator: " ").map(String.init)
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
  }
}
