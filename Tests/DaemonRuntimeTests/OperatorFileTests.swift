// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Secrets
import Testing

@testable import DaemonRuntime

@Suite("The operator's file is whole, private, and read without a parser seeing the secret")
struct OperatorFileTests {
  private func withPath(_ body: (String) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "keyfold-operator-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  private func write(_ text: String, _ path: String) throws {
    try DurableFile.replace(path, with: Array(text.utf8))
  }

  @Test("reads what it wrote, with every character a key may have")
  func roundTrip() throws {
    try withPath { path in
      let key = "0Az.-:+=^!/*?&<>()[]{}@%$#0123456789abcd"
      let file = OperatorFile(
        coordinator: "127.0.0.1:7440", coordinatorKey: "k", operatorName: "admin", publicKey: "p",
        secretKey: Secret(try SecretBytes(copying: Array(key.utf8))))
      try file.write(path)
      let read = try OperatorFile.read(path)
      #expect(read.coordinator == file.coordinator && read.operatorName == "admin" && read.publicKey == "p")
      #expect(read.secretKey.isEqual(to: file.secretKey))
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber
      #expect(mode?.intValue == 0o600)
    }
  }

  @Test("reads a file that somebody laid out anew")
  func otherLayout() throws {
    try withPath { path in
      try write(
        #"{ "secretKey" : "sss", "operator": "o", "publicKey": "p", "coordinatorKey": "k", "coordinator": "h:1" }"#,
        path)
      #expect(try OperatorFile.read(path).secretKey.count == 3)
    }
  }

  @Test(
    "refuses what is none",
    arguments: [
      "", "{}", #"{"secretKey""#, #"{"secretKey":7}"#, #"{"secretKey":"x"#, #"{"secretKey":"x"}"#, "\"secretKey\"",
    ])
  func damaged(_ text: String) throws {
    try withPath { path in
      try write(text, path)
      #expect(throws: ConfigurationError.self) { try OperatorFile.read(path) }
    }
  }

  @Test("refuses a file that others may read, and a missing one")
  func permissions() throws {
    try withPath { path in
      #expect(throws: ConfigurationError.self) { try OperatorFile.read(path) }
      try write("{}", path)
      try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
      let error = #expect(throws: ConfigurationError.self) { try OperatorFile.read(path) }
      #expect(error?.description.contains("chmod 600") == true)
    }
  }
}
