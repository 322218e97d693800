// SPDX-License-Identifier: GPL-3.0-or-later

import Foundation
import LocalKMS
import Testing

@Suite("What Azure's and Google's dialects keep on disk")
struct DialectRestartTests {
  /// Calls Key Vault's dialect; answers the head and the body's members.
  private func call(_ kms: RunningKMS, _ token: String, _ line: String, _ body: String) async throws -> (
    head: String, body: [String: String]
  ) {
    let request =
      "\(line)?api-version=7.4 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer \(token)\r\n"
      + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    let parts = try await HostileClientTests().exchange(kms, Array(request.utf8)).split(separator: "\r\n\r\n")
    let object = try JSONSerialization.jsonObject(with: Data((parts.last ?? "{}").utf8)) as? [String: Any]
    return (String(parts.first ?? ""), (object ?? [:]).compactMapValues { $0 as? String })
  }

  @Test("keys, versions, states and tokens outlive a restart, and what was wrapped before is unwrapped after")
  func restart() async throws {
    let folder = TestFolder()
    let kept = Box<(token: String, path: String, value: String)>()
    let secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    try await withLocalKMS(folder.path) { kms in
      let token = try await HostileDialectTests().vaultToken(kms)
      let kid = try await kms.admin.createVaultKey("cmk")
      let path = String(kid.dropFirst(kms.ready.endpoint.count))
      let answer = try await call(
        kms, token, "POST \(path)/wrapkey", #"{"alg":"RSA-OAEP-256","value":"\#(secret)"}"#)
      kept.value = (token, path, try #require(answer.body["value"]))
      #expect(try await kms.admin.createCryptoKey("global/ring/cmk").hasSuffix("/cmk/cryptoKeyVersions/1"))
      let second = try await kms.admin.createCryptoKey("global/ring/cmk")
      try await kms.admin.disable(second)
    }
    let old = try #require(kept.value)
    try await withLocalKMS(folder.path) { kms in
      let body = #"{"alg":"RSA-OAEP-256","value":"\#(old.value)"}"#
      #expect(try await call(kms, old.token, "POST \(old.path)/unwrapkey", body).body["value"] == secret)
      try await kms.admin.disable(kms.ready.endpoint + old.path)
      #expect(try await call(kms, old.token, "POST \(old.path)/unwrapkey", body).head.hasPrefix("HTTP/1.1 403 "))
      #expect(try await kms.admin.cryptoKeyVersions().map(\.state) == ["ENABLED", "DISABLED"])
      let identity = try #require(try await kms.admin.identities().first)
      try await kms.admin.setDenied(true, accessKeyID: identity.id, keyID: kms.ready.endpoint + old.path)
      try await kms.admin.enable(kms.ready.endpoint + old.path)
      #expect(try await call(kms, old.token, "POST \(old.path)/unwrapkey", body).head.hasPrefix("HTTP/1.1 403 "))
      try await kms.admin.setDenied(false, accessKeyID: identity.id, keyID: kms.ready.endpoint + old.path)
      #expect(try await call(kms, old.token, "POST \(old.path)/unwrapkey", body).head.hasPrefix("HTTP/1.1 200 "))
    }
  }

  @Test("deleted and destroyed keys are gone when their time has come, with their material")
  func purge() async throws {
    let folder = TestFolder()
    let clock = TestClock()
    try await withLocalKMS(folder.path, serverClock: clock) { kms in
      let kid = try await kms.admin.createVaultKey("cmk")
      let version = try await kms.admin.createCryptoKey("global/ring/cmk")
      try await kms.admin.scheduleDeletion(kid)
      try await kms.admin.scheduleDeletion(version)
      #expect(try await kms.admin.vaultKeys().map(\.state) == ["Deleted"])
      #expect(try await kms.admin.cryptoKeyVersions().map(\.state) == ["DESTROY_SCHEDULED"])
      clock.set(offsetSeconds: 31 * 86_400)
    }
    try await withLocalKMS(folder.path, serverClock: clock) { kms in
      _ = try? await kms.admin.keys()
    }
    clock.set(offsetSeconds: 0)
    try await withLocalKMS(folder.path, serverClock: clock) { kms in
      #expect(try await kms.admin.cryptoKeyVersions().map(\.state) == ["DESTROYED"])
      #expect(try await kms.admin.vaultKeys().map(\.state) == ["Deleted"])
      try await kms.admin.cancelDeletion(try #require(try await kms.admin.vaultKeys().first).keyID)
      #expect(try await kms.admin.vaultKeys().map(\.state) == ["Enabled"])
    }
  }
}
