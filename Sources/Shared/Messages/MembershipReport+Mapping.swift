// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

extension MembershipReport: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    var members: [NodeName] = []
    for text in try wire.texts("members", limit: Self.maximumMembers) {
      members.append(try WireReader.accepted("members") { () throws(ModelError) in try NodeName(text) })
    }
    var access: [IPRange] = []
    for text in try wire.texts("access", limit: IPList.maximumAccessEntries) {
      guard let range = try? IPRange(text) else {
        throw MessageError(.invalidValue, field: "access", "this is no address range")
      }
      access.append(range)
    }
    let digests = try Self.boots(of: members, wire.texts("boot_digests", limit: Self.maximumMembers)) {
      (text) throws(ModelError) in try BootDigest(text)
    }
    // Agents of before tell the boot ids themselves.
    let boots = try Self.boots(of: members, wire.texts("boots", limit: Self.maximumMembers)) {
      (text) throws(ModelError) in try BootID(text)
    }
    self.init(
      version: wire.uint64("version"), project: try wire.name("project"), cluster: try wire.name("cluster"),
      members: members, running: wire.bool("running"), settingsVersion: wire.uint64("settings_version"),
      access: wire.bool("limits_access") ? access : nil, joining: try wire.optionalName("joining"),
      boots: digests ?? boots?.compactMapValues { BootDigest(of: $0) })
  }

  private static func boots<Boot>(
    of members: [NodeName], _ texts: [String], _ read: (String) throws(ModelError) -> Boot
  ) throws(MessageError) -> [NodeName: Boot]? {
    if texts.isEmpty { return nil }
    guard texts.count == members.count else {
      throw MessageError(.invalidValue, field: "boots", "there has to be one for each member")
    }
    var boots: [NodeName: Boot] = [:]
    for (node, text) in zip(members, texts) where !text.isEmpty {
      boots[node] = try WireReader.accepted("boots") { () throws(ModelError) in try read(text) }
    }
    return boots
  }

  func write(to wire: WireWriter) throws(MessageError) {
    wire.set("version", version)
    try wire.set("project", project)
    try wire.set("cluster", cluster)
    try wire.set("members", texts: members.map(\.text))
    wire.set("running", running)
    wire.set("settings_version", settingsVersion)
    wire.set("limits_access", access != nil)
    try wire.set("access", texts: Array((access ?? []).prefix(IPList.maximumAccessEntries)).map(\.description))
    if let boots { try wire.set("boot_digests", texts: members.map { boots[$0]?.text ?? "" }) }
    try wire.set("joining", joining?.text ?? "")
  }
}
