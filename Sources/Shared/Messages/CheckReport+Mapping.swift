// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

extension CheckReport: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(
      verdict: try Verdict(wire: wire), customerKeyID: try wire.text("customer_key_id"),
      settingsVersion: wire.uint64("settings_version"), startedAtMilliseconds: wire.int64("started_at_ms"),
      answeredElsewhere: try wire.optionalText("answered_elsewhere"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try verdict.write(to: wire)
    try wire.set("customer_key_id", customerKeyID)
    wire.set("settings_version", settingsVersion)
    wire.set("started_at_ms", startedAtMilliseconds)
    try wire.set("answered_elsewhere", optional: answeredElsewhere)
  }
}

/// The schema's `VerdictKind`.
private enum VerdictKind: WireChoice {
  case valid, revoked, unreachable

  static let wireOrder: [VerdictKind] = [.valid, .revoked, .unreachable]
}

/// A verdict has no message of its own: its parts stand in the check.
extension Verdict: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    let kind: VerdictKind = try wire.choice("verdict")
    switch kind {
    case .valid: self = .valid
    case .revoked: self = .revoked(try wire.choice("revocation"), detail: try wire.text("detail"))
    case .unreachable: self = .unreachable(try wire.choice("outage"), detail: try wire.text("detail"))
    }
  }

  func write(to wire: WireWriter) throws(MessageError) {
    switch self {
    case .valid: wire.set("verdict", VerdictKind.valid)
    case .revoked(let reason, let detail):
      wire.set("verdict", VerdictKind.revoked)
      wire.set("revocation", reason)
      try wire.set("detail", detail)
    case .unreachable(let reason, let detail):
      wire.set("verdict", VerdictKind.unreachable)
      wire.set("outage", reason)
      try wire.set("detail", detail)
    }
  }
}

extension RevocationReason: WireChoice {
  static let wireOrder: [RevocationReason] = [
    .keyDisabled, .keyPendingDeletion, .keyNotFound, .credentialsRefused, .accessDenied,
  ]
}

extension OutageReason: WireChoice {
  static let wireOrder: [OutageReason] = [
    .network, .tls, .timeout, .throttled, .service, .malformedAnswer, .clockSkew, .credentialsExpired,
    .vantagePointsDisagree, .unlisted, .privateNetworking,
  ]
}
