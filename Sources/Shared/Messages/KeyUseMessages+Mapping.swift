// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

extension KeyUse.Operation: WireChoice {
  static let wireOrder: [KeyUse.Operation] = [.wrap, .unwrap, .describe, .other]
}

extension NumberedKeyUse: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(
      number: wire.uint64("number"), lostBefore: wire.uint64("lost_before"),
      use: KeyUse(
        provider: try wire.choice("provider"), operation: try wire.choice("operation"),
        keyID: try wire.text("key_id"), requestID: try wire.text("request_id"),
        failure: try wire.optionalText("failure"), startedAtMilliseconds: wire.int64("started_at_ms")))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    wire.set("number", number)
    wire.set("lost_before", lostBefore)
    wire.set("provider", use.provider)
    wire.set("operation", use.operation)
    try wire.set("key_id", use.keyID)
    try wire.set("request_id", use.requestID)
    try wire.set("failure", optional: use.failure)
    wire.set("started_at_ms", use.startedAtMilliseconds)
  }
}

extension KeyUseReport: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(boot: try wire.id("boot"), uses: try wire.list("uses", limit: Self.maximumUses))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("boot", boot)
    try wire.set("uses", list: uses)
  }
}

extension KeyUseMark: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(boot: try wire.id("boot"), through: wire.uint64("through"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("boot", boot)
    wire.set("through", through)
  }
}
