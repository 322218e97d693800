// SPDX-License-Identifier: GPL-3.0-or-later

extension OperatorRequest: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    let name = try wire.text("name")
    guard (1...Self.maximumNameBytes).contains(name.utf8.count) else {
      throw MessageError(.outOfRange, field: "name", "a request's name has from 1 to \(Self.maximumNameBytes) bytes")
    }
    self.init(name: name, takesParts: wire.bool("takes_parts"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("name", name)
    wire.set("takes_parts", takesParts)
  }
}

extension OperatorReply: WireMapped {
  init(wire: WireReader) { self.init(status: wire.uint32("status"), final: wire.bool("final")) }

  func write(to wire: WireWriter) {
    wire.set("status", status)
    wire.set("final", final)
  }
}

extension Fault.Code: WireChoice {
  static let wireOrder: [Fault.Code] = [
    .unknownMessage, .unsupportedVersion, .malformed, .notAllowed, .staleEpoch, .notReady, .congested, .failed,
  ]
}

extension Fault: WireMapped {
  init(wire: WireReader) throws(MessageError) { self.init(code: try wire.choice("code"), text: try wire.text("text")) }

  func write(to wire: WireWriter) throws(MessageError) {
    wire.set("code", code)
    try wire.set("text", text)
  }
}
