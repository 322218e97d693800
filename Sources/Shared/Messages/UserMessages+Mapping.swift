// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Secrets

extension WireReader {
  /// A text that is one of a Swift enum's, nil if it is empty.
  fileprivate func optionalKind<Kind: RawRepresentable<String>>(
    _ name: StaticString, _: Kind.Type = Kind.self
  ) throws(MessageError) -> Kind? {
    let text = try text(name)
    if text.isEmpty { return nil }
    guard let kind = Kind(rawValue: text) else {
      throw MessageError(.outOfRange, field: "\(name)", "the text is none of the values known here")
    }
    return kind
  }

  fileprivate func kind<Kind: RawRepresentable<String>>(_ name: StaticString) throws(MessageError) -> Kind {
    guard let kind = try optionalKind(name, Kind.self) else {
      throw MessageError(.missing, field: "\(name)", "this part is missing")
    }
    return kind
  }

  fileprivate func userName(_ name: StaticString) throws(MessageError) -> DriverUserName {
    let text = try text(name)
    return try Self.accepted(name) { () throws(ModelError) in try DriverUserName(text) }
  }
}

extension UserRequest: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    let credential = try wire.optionalSecret("credential")
    if let credential, credential.count > Self.maximumCredentialBytes {
      throw MessageError(.outOfRange, field: "credential", "the credential is too long")
    }
    self.init(
      id: try wire.id("id"), action: try wire.kind("action"),
      user: try wire.text("user").isEmpty ? nil : try wire.userName("user"), role: try wire.optionalKind("role"),
      credential: credential)
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("id", id)
    try wire.set("action", action.rawValue)
    try wire.set("user", user?.description ?? "")
    try wire.set("role", role?.rawValue ?? "")
    try wire.set("credential", secret: credential)
  }
}

extension UserReply.Outcome: WireChoice {
  static let wireOrder: [UserReply.Outcome] = [.done, .exists, .notFound, .lastUser, .tooMany, .notNow, .failed]
}

extension UserReply: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(
      id: try wire.id("id"), outcome: try wire.choice("outcome"), reason: try wire.text("reason"),
      users: try wire.list("users", limit: Self.maximumUsers))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("id", id)
    wire.set("outcome", outcome)
    try wire.set("reason", reason)
    try wire.set("users", list: Array(users.prefix(Self.maximumUsers)))
  }
}

extension DriverUser: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(name: try wire.userName("name"), role: try wire.kind("role"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("name", name.description)
    try wire.set("role", role.rawValue)
  }
}

extension DriverPortReport: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    let waiting = try wire.text("waiting")
    self.init(
      tls: try wire.kind("tls"), authentication: try wire.kind("authentication"),
      waiting: waiting.isEmpty ? nil : waiting)
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("tls", tls.rawValue)
    try wire.set("authentication", authentication.rawValue)
    try wire.set("waiting", waiting ?? "")
  }
}
