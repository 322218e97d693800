// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

extension ProveSettings: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(
      id: try wire.id("id"), settings: try wire.value("kms"), secret: try wire.optionalSecret("kms_secret"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("id", id)
    try wire.set("kms", settings)
    try wire.set("kms_secret", secret: secret)
  }
}

/// The schema's `ProofOutcome`.
private enum ProofKind: WireChoice {
  case proven, nothingToProve, failed

  static let wireOrder: [ProofKind] = [.proven, .nothingToProve, .failed]
}

extension SettingsProof: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    let kind: ProofKind = try wire.choice("outcome")
    let outcome: Outcome =
      switch kind {
      case .proven: .proven
      case .nothingToProve: .nothingToProve
      case .failed:
        .failed(
          kind: try wire.text("kind"), operation: try wire.text("operation"), reason: try wire.text("reason"))
      }
    self.init(id: try wire.id("id"), outcome: outcome)
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("id", id)
    switch outcome {
    case .proven: wire.set("outcome", ProofKind.proven)
    case .nothingToProve: wire.set("outcome", ProofKind.nothingToProve)
    case .failed(let kind, let operation, let reason):
      wire.set("outcome", ProofKind.failed)
      try wire.set("kind", kind)
      try wire.set("operation", operation)
      try wire.set("reason", reason)
    }
  }
}
