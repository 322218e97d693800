// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore

/// Faults, and the roles and identities of machines.
extension LocalKMSOperator {
  /// Puts a fault in force, for `lasting` if that is given; answers its number.
  public func setFault(_ fault: LocalKMSFault, lasting: Duration? = nil) async throws(LocalKMSError) -> Int {
    var members: [JSONValue.Member] = [
      .init("Kind", .string(fault.kind.rawValue)), .init("Value", .integer(Int64(fault.value))),
    ]
    if let dialect = fault.dialect { members.append(.init("Dialect", .string(dialect))) }
    if let client = fault.client { members.append(.init("Client", .string(client))) }
    if let region = fault.region { members.append(.init("Region", .string(region))) }
    if let count = fault.remaining { members.append(.init("Count", .integer(Int64(count)))) }
    if let lasting { members.append(.init("Seconds", .integer(lasting.components.seconds))) }
    let answer = try await send(.setFault, members)
    let bytes = answer.body.readableBytesUInt8Span
    guard let item = try? JSONReader.read(bytes),
      let number = item.member("Number")?.number(in: bytes).flatMap({ Int(exactly: $0) })
    else { throw Self.malformed }
    return number
  }

  /// Ends one fault, or all of them.
  public func clearFaults(_ number: Int? = nil) async throws(LocalKMSError) {
    _ = try await send(.clearFaults, number.map { [.init("Number", .integer(Int64($0)))] } ?? [])
  }

  /// The faults in force.
  public func faults() async throws(LocalKMSError) -> [LocalKMSFault] {
    var faults: [LocalKMSFault] = []
    _ = try await pages(.listFaults, "Faults") { item, bytes in
      func number(_ name: String) -> Int? { item.member(name)?.number(in: bytes).flatMap { Int(exactly: $0) } }
      guard let kind = item.member("Kind")?.text(in: bytes).flatMap({ LocalKMSFault.Kind(rawValue: $0) }) else {
        return nil
      }
      var fault = LocalKMSFault(
        kind, value: number("Value") ?? 0, dialect: item.member("Dialect")?.text(in: bytes),
        client: item.member("Client")?.text(in: bytes), region: item.member("Region")?.text(in: bytes),
        count: number("Remaining"))
      fault.number = number("Number") ?? 0
      fault.endSeconds = number("End").map { Int64($0) }
      faults.append(fault)
      return nil
    }
    return faults
  }

  /// Makes a role; answers its ARN. Without `trusted` every access key may assume it.
  public func createRole(_ name: String, trusted: String? = nil, externalID: String? = nil)
    async throws(LocalKMSError) -> String
  {
    var members: [JSONValue.Member] = [.init("Name", .string(name))]
    if let trusted { members.append(.init("Trusted", .string(trusted))) }
    if let externalID { members.append(.init("ExternalId", .string(externalID))) }
    let answer = try await send(.createRole, members)
    let bytes = answer.body.readableBytesUInt8Span
    guard let arn = (try? JSONReader.read(bytes))?.member("Arn")?.text(in: bytes) else { throw Self.malformed }
    return arn
  }

  /// Removes a role; its sessions are worth nothing from then on.
  public func deleteRole(_ name: String) async throws(LocalKMSError) {
    _ = try await send(.deleteRole, [.init("Name", .string(name))])
  }

  /// The ARNs of all roles.
  public func roles() async throws(LocalKMSError) -> [String] {
    try await pages(.listRoles, "Roles") { item, bytes in item.member("Arn")?.text(in: bytes) }
  }

  /// Says what the metadata service hands out: a role's name, a client's id, a service account's address.
  public func setMachine(role: String?, client: String?, serviceAccount: String?) async throws(LocalKMSError) {
    var members: [JSONValue.Member] = []
    if let role { members.append(.init("Role", .string(role))) }
    if let client { members.append(.init("Client", .string(client))) }
    if let serviceAccount { members.append(.init("ServiceAccount", .string(serviceAccount))) }
    _ = try await send(.setMachine, members)
  }
}
