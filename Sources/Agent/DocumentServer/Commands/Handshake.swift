// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

extension CommandInterpreter {
  /// The oldest and newest wire versions spoken (MongoDB 7.0).
  private static let wireVersions: ClosedRange<Int32> = 0...21
  /// The most statements of one write command.
  static let maximumWriteBatch = 100_000
  /// The version drivers are told; it has to fit the wire version.
  private static let version: [Int32] = [7, 0, 0, 0]

  /// `hello` and its old names: what the node is, in the words of the replica set.
  func hello(_ command: Command, connectionID: Int32) throws -> Document {
    var arguments = command.arguments
    let isHello = command.request.name == "hello"
    let wantsHello = arguments.value("helloOk") != nil
    // What a driver offers or tells of itself needs no answer where nothing of it is taken up. No topologyVersion is
    // given out, so one that is sent belongs to another process and is answered at once, as the specification has it.
    arguments.ignore(
      command.request.name, "client", "compression", "saslSupportedMechs", "speculativeAuthenticate", "hostInfo",
      "topologyVersion", "maxAwaitTimeMS", "forShell", "loadBalanced")
    try arguments.finish()
    let view = engine.replicaSetView()
    var reply = DocumentBuilder()
    if wantsHello { reply.append("helloOk", true) }
    appendRoles(view, isHello: isHello, to: &reply)
    reply.append("maxBsonObjectSize", .integer(DocumentLimits.stored.maximumSize))
    reply.append("maxMessageSizeBytes", .integer(WireConstants.maximumMessageLength))
    reply.append("maxWriteBatchSize", .integer(CommandInterpreter.maximumWriteBatch))
    reply.append("localTime", .date(WallClock.milliseconds()))
    reply.append("connectionId", .int32(connectionID))
    reply.append("minWireVersion", .int32(CommandInterpreter.wireVersions.lowerBound))
    reply.append("maxWireVersion", .int32(CommandInterpreter.wireVersions.upperBound))
    reply.append("readOnly", false)
    return reply.finish()
  }

  private func appendRoles(_ view: ReplicaSetView, isHello: Bool, to reply: inout DocumentBuilder) {
    // A node whose engine is closed is a member that is neither, whatever the replication still believes.
    let isServing = engine.state() == .serving
    let isPrimary = view.isWritablePrimary && isServing
    if view.setName.isEmpty {
      // Not yet a member of a replica set: drivers wait for it as for a member that is starting.
      reply.append("isreplicaset", true)
    } else {
      reply.append("setName", .string(view.setName))
      reply.append("setVersion", .integer(view.setVersion))
    }
    reply.append(isHello ? "isWritablePrimary" : "ismaster", .bool(isPrimary))
    reply.append("secondary", .bool(view.isSecondary && !view.isWritablePrimary && isServing))
    reply.append("hosts", .array(of: view.hosts.map { .string($0) }))
    if let primary = view.primary, isPrimary || primary != view.me { reply.append("primary", .string(primary)) }
    reply.append("me", .string(view.me))
    if isPrimary { reply.append("electionId", .objectID(ObjectID(term: view.electionID))) }
    if let milliseconds = view.lastWriteMilliseconds {
      reply.append("lastWrite", ["lastWriteDate": .date(milliseconds)])
    }
  }

  func ping(_ command: Command) throws -> Document {
    var arguments = command.arguments
    arguments.ignore("ping")
    try arguments.finish()
    return Document()
  }

  func buildInfo(_ command: Command) throws -> Document {
    var arguments = command.arguments
    arguments.ignore(command.request.name)
    try arguments.finish()
    let version = CommandInterpreter.version
    return [
      "version": .string(version.prefix(3).map { String($0) }.joined(separator: ".")),
      "gitVersion": "keyfold",
      "modules": ["keyfold"],
      "versionArray": .array(of: version.map { .int32($0) }),
      "storageEngines": ["wiredTiger"],
      "javascriptEngine": "none",
      "bits": 64,
      "debug": false,
      "maxBsonObjectSize": .integer(DocumentLimits.stored.maximumSize),
    ]
  }

  /// There are no sessions, so ending some is always done.
  func endSessions(_ command: Command) throws -> Document {
    var arguments = command.arguments
    arguments.ignore("endSessions")
    try arguments.finish()
    return Document()
  }
}
