// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore
internal import Secrets

/// An identity of Azure's or Google's dialect as the operator sees it.
public struct LocalKMSIdentity: Sendable, Equatable {
  /// The client's UUID, or the service account's mail address.
  public let id: String
  /// `azure` or `google`.
  public let kind: String
  /// Whether it may change keys.
  public let isAdministrator: Bool
}

/// Clients of Azure's dialect and service accounts of Google's.
extension LocalKMSOperator {
  /// Makes an identity of `kind` (`azure` or `google`) and writes what its clients need to a new file (0600); answers
  /// its id.
  ///
  /// Azure's file has tenantId, clientId and clientSecret; Google's is a service account key file.
  public func createIdentity(kind: String, isAdministrator: Bool, writingTo file: String) async throws(LocalKMSError)
    -> String
  {
    var answer = try await sendReserving(
      file, .createIdentity,
      [
        .init("Kind", .string(kind)), .init("Administrator", .string(isAdministrator ? "true" : "false")),
        .init("Endpoint", .string(ready.endpoint)),
      ])
    defer { SecretWiping.wipe(&answer.body) }
    let bytes = answer.body.readableBytesUInt8Span
    guard let item = try? JSONReader.read(bytes),
      let id = (item.member("clientId") ?? item.member("client_email"))?.text(in: bytes)
    else { throw Self.malformed }
    let name = kind == "google" ? item.member("client_email")?.text(in: bytes) : id
    var contents = answer.body.getBytes(at: answer.body.readerIndex, length: answer.body.readableBytes) ?? []
    defer { SecretBytes.wipe(&contents) }
    do { try StateDirectory.replace(file, with: contents) } catch {
      try? await deleteIdentity(name ?? id)
      try? StateDirectory.removeFile(file)
      throw error
    }
    return name ?? id
  }

  /// Removes an identity; its tokens are worth nothing from then on.
  public func deleteIdentity(_ id: String) async throws(LocalKMSError) {
    _ = try await send(.deleteIdentity, [.init("Id", .string(id))])
  }

  /// All identities.
  public func identities() async throws(LocalKMSError) -> [LocalKMSIdentity] {
    var identities: [LocalKMSIdentity] = []
    _ = try await pages(.listIdentities, "Identities") { item, bytes in
      guard let id = item.member("Id")?.text(in: bytes), let kind = item.member("Kind")?.text(in: bytes) else {
        return nil
      }
      var isAdministrator = false
      if case .bool(true)? = item.member("Administrator") { isAdministrator = true }
      identities.append(LocalKMSIdentity(id: id, kind: kind, isAdministrator: isAdministrator))
      return id
    }
    return identities
  }
}
