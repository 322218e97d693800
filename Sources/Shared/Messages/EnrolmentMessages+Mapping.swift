// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

extension EnrolNode: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(node: try wire.name("node"), publicKey: try wire.text("public_key"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("node", node.text)
    try wire.set("public_key", publicKey)
  }
}

extension EnrolmentResult: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(enrolled: wire.bool("enrolled"), reason: try wire.text("reason"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    wire.set("enrolled", enrolled)
    try wire.set("reason", reason)
  }
}
