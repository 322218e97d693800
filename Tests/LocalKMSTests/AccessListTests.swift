// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import Foundation
import LocalKMS
import Testing

@Suite("Keys are used only from the addresses of the access list", .timeLimit(.minutes(10)))
struct AccessListTests {
  private func ask(_ kms: RunningKMS, _ line: String) async throws -> String {
    let text = "\(line) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    return try await HostileClientTests().exchange(kms, Array(text.utf8))
  }

  /// A line as `iplist export --format json --watch` writes it.
  private static func line(_ address: String) -> String {
    #"{"allow":["\#(address)/32"],"clusters":[],"controlPlane":[],"version":1}"# + "\n"
  }

  @Test(
    "refuses another address in the cloud's own words, and follows the file",
    arguments: [
      ("POST /", "HTTP/1.1 400 ", "explicit deny in a resource-based policy"),
      ("GET /keys?api-version=7.4", "HTTP/1.1 403 ", #""innererror":{"code":"ForbiddenByFirewall"}"#),
      ("GET /v1/projects/p/locations/l/keyRings", "HTTP/1.1 403 ", #""status":"PERMISSION_DENIED""#),
    ])
  func refuses(request: String, status: String, words: String) async throws {
    let folder = TestFolder()
    let list = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).json").path
    defer { try? FileManager.default.removeItem(atPath: list) }
    try Self.line("127.0.0.9").write(toFile: list, atomically: false, encoding: .utf8)
    try await withLocalKMS(folder.path, configure: { $0.accessList = list }) { kms in
      let refused = try await ask(kms, request)
      #expect(refused.hasPrefix(status) && refused.contains(words), "\(refused)")
      // The operator's own door stays open.
      #expect(try await kms.admin.faults().isEmpty)
      // A line that is not whole yet changes nothing; the whole one does.
      let both = Self.line("127.0.0.9") + Self.line("127.0.0.1")
      try String(both.dropLast(5)).write(toFile: list, atomically: false, encoding: .utf8)
      #expect(try await ask(kms, request).contains(words))
      try both.write(toFile: list, atomically: false, encoding: .utf8)
      #expect(try await !ask(kms, request).contains(words))
      try FileManager.default.removeItem(atPath: list)
      #expect(try await !ask(kms, request).contains(words))
    }
  }

  @Test("gives tokens to everybody, as clouds do")
  func tokens() async throws {
    let folder = TestFolder()
    let list = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).json").path
    defer { try? FileManager.default.removeItem(atPath: list) }
    try Self.line("127.0.0.9").write(toFile: list, atomically: false, encoding: .utf8)
    try await withLocalKMS(folder.path, configure: { $0.accessList = list }) { kms in
      let answer = try await ask(kms, "POST /t/oauth2/v2.0/token")
      #expect(!answer.contains("AADSTS53003"), "\(answer)")
    }
  }

  @Test("does not start with a list that is none", arguments: [nil, "", "{}", #"{"allow":["x"]}"#])
  func noList(content: String?) async throws {
    let folder = TestFolder()
    let list = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).json").path
    defer { try? FileManager.default.removeItem(atPath: list) }
    try content?.write(toFile: list, atomically: false, encoding: .utf8)
    await #expect { try await withLocalKMS(folder.path, configure: { $0.accessList = list }) { _ in } } throws: {
      ($0 as? LocalKMSError)?.code == .settings
    }
  }
}
