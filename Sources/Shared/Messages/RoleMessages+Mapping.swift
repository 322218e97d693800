// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

extension SignRole: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    let proof: CommandID? = try wire.idUnlessEmpty("proof")
    self.init(
      id: try wire.id("id"), settings: proof.map { .proof($0) } ?? .version(wire.uint64("settings_version")),
      region: try wire.text("region"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("id", id)
    switch settings {
    case .version(let version): wire.set("settings_version", version)
    case .proof(let proof): try wire.set("proof", proof.text)
    }
    try wire.set("region", region)
  }
}

/// The schema's `SignOutcome`.
private enum SignKind: WireChoice {
  case signed, later, declined

  static let wireOrder: [SignKind] = [.signed, .later, .declined]
}

extension RoleSignature: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    let kind: SignKind = try wire.choice("outcome")
    let outcome: Outcome
    switch kind {
    case .signed:
      guard let authorization = try wire.optionalSecret("authorization") else {
        throw MessageError(.missing, field: "authorization", "a signature is missing")
      }
      outcome = .signed(form: try wire.text("form"), authorization: authorization, at: wire.int64("signed_at"))
    case .later: outcome = .later(milliseconds: wire.uint64("wait_ms"))
    case .declined: outcome = .declined(reason: try wire.text("reason"))
    }
    self.init(id: try wire.id("id"), outcome: outcome)
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("id", id)
    switch outcome {
    case .signed(let form, let authorization, let at):
      wire.set("outcome", SignKind.signed)
      try wire.set("form", form)
      try wire.set("authorization", secret: authorization)
      wire.set("signed_at", at)
    case .later(let milliseconds):
      wire.set("outcome", SignKind.later)
      wire.set("wait_ms", milliseconds)
    case .declined(let reason):
      wire.set("outcome", SignKind.declined)
      try wire.set("reason", reason)
    }
  }
}
