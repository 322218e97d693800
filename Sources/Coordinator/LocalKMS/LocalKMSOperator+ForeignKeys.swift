// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore

/// A key, or a version of one, of Azure's or Google's dialect as the operator sees it.
public struct LocalKMSForeignKey: Sendable, Equatable {
  /// `azure` or `google`.
  public let kind: String
  /// What a client names: Key Vault's `kid`, or the resource name of a version.
  public let keyID: String
  /// The cloud's word for its state.
  public let state: String
  /// When it goes for good, if that is scheduled.
  public let deletionSeconds: Int64?
}

/// Keys of Azure's and Google's dialects, by relay: the operator needs no token.
extension LocalKMSOperator {
  /// What one relayed request was answered.
  struct Relayed {
    let status: Int
    let body: [UInt8]

    func item() throws(LocalKMSError) -> JSONItem {
      do { return try JSONReader.read(body.span) } catch { throw LocalKMSOperator.malformed }
    }
  }

  /// Makes an RSA key of Azure's dialect, or a new version of it; answers its `kid` with the version.
  public func createVaultKey(_ name: String, bits: Int = 2048) async throws(LocalKMSError) -> String {
    let body = JSONValue.object([.init("kty", .string("RSA")), .init("key_size", .integer(Int64(bits)))])
    let answer = try await relay("POST", "/keys/\(name)/create\(Self.version)", body)
    guard let kid = try answer.item().member("key")?.member("kid")?.text(in: answer.body.span) else {
      throw Self.malformed
    }
    return kid
  }

  /// The keys of Azure's dialect, each with its current version.
  public func vaultKeys() async throws(LocalKMSError) -> [LocalKMSForeignKey] {
    var keys: [LocalKMSForeignKey] = []
    for path in ["keys", "deletedkeys"] {
      var target: String? = "/\(path)\(Self.version)"
      while let next = target {
        let answer = try await relay("GET", next)
        let item = try answer.item()
        guard case .array(let items)? = item.member("value") else { throw Self.malformed }
        for item in items {
          guard let key = Self.vaultKey(item, in: answer.body.span) else { throw Self.malformed }
          keys.append(key)
        }
        target = item.member("nextLink")?.text(in: answer.body.span).map { link in
          String(link.dropFirst("https://".count).drop { $0 != "/" })
        }
      }
    }
    return keys
  }

  private static func vaultKey(_ item: JSONItem, in bytes: Span<UInt8>) -> LocalKMSForeignKey? {
    guard let kid = item.member("kid")?.text(in: bytes) else { return nil }
    let purge = item.member("scheduledPurgeDate")?.number(in: bytes).flatMap { Int64(exactly: $0) }
    var isEnabled = false
    if case .bool(true)? = item.member("attributes")?.member("enabled") { isEnabled = true }
    return LocalKMSForeignKey(
      kind: "azure", keyID: kid, state: purge != nil ? "Deleted" : isEnabled ? "Enabled" : "Disabled",
      deletionSeconds: purge)
  }

  /// Enables or disables a version of a key of Azure's dialect, the current one if none is named.
  func setVaultKey(_ kid: String, isEnabled: Bool) async throws(LocalKMSError) {
    let body = JSONValue.object([.init("attributes", .object([.init("enabled", .bool(isEnabled))]))])
    _ = try await relay("PATCH", "/keys/\(Self.vaultPath(kid))\(Self.version)", body)
  }

  /// Deletes a key of Azure's dialect, which can be recovered for 90 days, or recovers it.
  func setVaultKey(_ kid: String, isDeleted: Bool) async throws(LocalKMSError) {
    let name = String(Self.vaultPath(kid).prefix { $0 != "/" })
    if isDeleted {
      _ = try await relay("DELETE", "/keys/\(name)\(Self.version)")
    } else {
      _ = try await relay("POST", "/deletedkeys/\(name)/recover\(Self.version)")
    }
  }

  /// Whether a text names a key of Azure's dialect.
  static func isVaultKey(_ text: String) -> Bool { text.hasPrefix("https://") }

  static let version = "?api-version=7.4"

  private static func vaultPath(_ kid: String) -> String {
    guard let range = kid.firstRange(of: "/keys/") else { return kid }
    return String(kid[range.upperBound...])
  }

  /// Makes a symmetric key of Google's dialect, with its key ring if that is missing, or a new version of the key;
  /// answers the version's name.
  ///
  /// `name` is `LOCATION/RING/KEY` in the local project, or the whole `projects/…/cryptoKeys/KEY`.
  public func createCryptoKey(_ name: String) async throws(LocalKMSError) -> String {
    let parts = name.split(separator: "/").map(String.init)
    let path: [String]
    switch parts.count {
    case 3:
      path = [
        "projects", Identity.project(ready.accountID), "locations", parts[0], "keyRings", parts[1], "cryptoKeys",
        parts[2],
      ]
    case 8 where parts[0] == "projects": path = parts
    default:
      throw LocalKMSError(.settings, "a key of Google's dialect is named LOCATION/RING/KEY, not \(name)")
    }
    let location = "/v1/" + path.prefix(4).joined(separator: "/")
    let ring = "/v1/" + path.prefix(6).joined(separator: "/")
    let key = "/v1/" + path.joined(separator: "/")
    if try await !exists(ring) { _ = try await relay("POST", "\(location)/keyRings?keyRingId=\(path[5])") }
    if try await !exists(key) {
      _ = try await relay(
        "POST", "\(ring)/cryptoKeys?cryptoKeyId=\(path[7])", .object([.init("purpose", .string("ENCRYPT_DECRYPT"))]))
      return "\(path.joined(separator: "/"))/cryptoKeyVersions/1"
    }
    let answer = try await relay("POST", "\(key)/cryptoKeyVersions")
    guard let version = try answer.item().member("name")?.text(in: answer.body.span) else { throw Self.malformed }
    return version
  }

  /// The versions of all keys of Google's dialect.
  public func cryptoKeyVersions() async throws(LocalKMSError) -> [LocalKMSForeignKey] {
    var keys: [LocalKMSForeignKey] = []
    _ = try await pages(.listForeignKeys, "Versions") { item, bytes in
      guard let name = item.member("Name")?.text(in: bytes), let state = item.member("State")?.text(in: bytes) else {
        return nil
      }
      let seconds = item.member("Destroy")?.number(in: bytes).flatMap { Int64(exactly: $0) }
      keys.append(LocalKMSForeignKey(kind: "google", keyID: name, state: state, deletionSeconds: seconds))
      return name
    }
    return keys
  }

  /// Enables or disables a version of Google's dialect, the primary one if none is named.
  func setCryptoKey(_ name: String, isEnabled: Bool) async throws(LocalKMSError) {
    let body = JSONValue.object([.init("state", .string(isEnabled ? "ENABLED" : "DISABLED"))])
    _ = try await relay("PATCH", "/v1/\(try await versionName(name))?updateMask=state", body)
  }

  /// Schedules the destruction of a version of Google's dialect, or restores it.
  func setCryptoKey(_ name: String, isDestroyed: Bool) async throws(LocalKMSError) {
    _ = try await relay("POST", "/v1/\(try await versionName(name)):\(isDestroyed ? "destroy" : "restore")")
  }

  /// Whether a text names a key or version of Google's dialect.
  static func isCryptoKey(_ text: String) -> Bool { text.hasPrefix("projects/") }

  private func versionName(_ name: String) async throws(LocalKMSError) -> String {
    if name.contains("/cryptoKeyVersions/") { return name }
    let answer = try await relay("GET", "/v1/\(name)")
    guard let primary = try answer.item().member("primary")?.member("name")?.text(in: answer.body.span) else {
      throw LocalKMSError(.refused, "\(name) has no primary version; name a version")
    }
    return primary
  }

  private func exists(_ target: String) async throws(LocalKMSError) -> Bool {
    do { _ = try await relay("GET", target) } catch {
      guard error.code == .notFound else { throw error }
      return false
    }
    return true
  }

  /// Sends a request of another dialect through the operator's own.
  func relay(_ method: String, _ target: String, _ body: JSONValue? = nil) async throws(LocalKMSError) -> Relayed {
    var members: [JSONValue.Member] = [
      .init("Method", .string(method)), .init("Target", .string(target)),
      .init("Host", .string(String(ready.endpoint.dropFirst("https://".count)))),
    ]
    if let body { members.append(.init("Body", .string(String(decoding: body.encoded(), as: UTF8.self)))) }
    let answer = try await send(.relay, members)
    let bytes = answer.body.readableBytesUInt8Span
    guard let item = try? JSONReader.read(bytes),
      let status = item.member("Status")?.number(in: bytes).flatMap({ Int(exactly: $0) }),
      let text = item.member("Body")?.text(in: bytes)
    else { throw Self.malformed }
    let relayed = Relayed(status: status, body: Array(text.utf8))
    guard (200..<300).contains(status) else {
      let error = (try? JSONReader.read(relayed.body.span))?.member("error")
      let code = (error?.member("status") ?? error?.member("code"))?.text(in: relayed.body.span) ?? "\(status)"
      let message = error?.member("message")?.text(in: relayed.body.span) ?? ""
      throw LocalKMSError(Self.code(of: code), message.isEmpty ? code : "\(message) (\(code))")
    }
    return relayed
  }
}
