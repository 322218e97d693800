// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

extension CommandInterpreter {
  /// The oldest and newest wire versions spoken (MongoDB 7.0).
  private static let wireVersions: ClosedRange<Int32> = 0...21
  /// The most statements of one write command.
  static let maximumWriteBatch = 100_000
  /// The longest time a hello waits for news, whatever the driver asks for; drivers ask for ten seconds.
  static let longestAwait = Duration.seconds(60)
  /// The shortest time between two replies of a stream if there is no news: drivers' own shortest time between two
  /// questions (server discovery and monitoring, `minHeartbeatFrequencyMS`).
  static let shortestStreamAwait = 500
  /// The version drivers are told; it has to fit the wire version.
  private static let version: [Int32] = [7, 0, 0, 0]
  static var versionText: String { version.prefix(3).map { String($0) }.joined(separator: ".") }

  /// `hello` and its old names: what the node is, in the words of the replica set.
  ///
  /// With `topologyVersion` and `maxAwaitTimeMS` it is answered when there is something newer to tell, or when the time
  /// is over.
  func hello(_ command: Command, connectionID: Int32) async throws -> Document {
    var arguments = command.arguments
    let isHello = command.request.name == "hello"
    let wantsHello = arguments.value("helloOk") != nil
    // What else a driver offers or tells of itself is passed over, as MongoDB does: newer drivers say new things, and
    // nothing of it is taken up unless the reply says so.
    let known = try arguments.document("topologyVersion")
    let limit = try arguments.count("maxAwaitTimeMS")
    try await awaitChange(after: known, limit: limit)
    let sight = topology.look()
    var reply = DocumentBuilder()
    if wantsHello { reply.append("helloOk", true) }
    appendRoles(sight, isHello: isHello, to: &reply)
    reply.append("maxBsonObjectSize", .integer(DocumentLimits.stored.maximumSize))
    reply.append("maxMessageSizeBytes", .integer(WireConstants.maximumMessageLength))
    reply.append("maxWriteBatchSize", .integer(CommandInterpreter.maximumWriteBatch))
    reply.append("localTime", .date(WallClock.milliseconds()))
    reply.append("logicalSessionTimeoutMinutes", .integer(SessionID.timeoutMinutes))
    reply.append("connectionId", .int32(connectionID))
    reply.append("minWireVersion", .int32(CommandInterpreter.wireVersions.lowerBound))
    reply.append("maxWireVersion", .int32(CommandInterpreter.wireVersions.upperBound))
    reply.append("readOnly", false)
    reply.append("topologyVersion", sight.version.value)
    return reply.finish()
  }

  private func awaitChange(after known: Document?, limit: Int?) async throws(CommandError) {
    guard (known == nil) == (limit == nil) else {
      throw CommandError(.incompleteAwait, "hello needs 'topologyVersion' and 'maxAwaitTimeMS' together, or neither")
    }
    guard let known, let limit else { return }
    let version = try TopologyVersion(known)
    try await topology.wait(after: version, limit: CommandInterpreter.awaitTime(milliseconds: limit))
  }

  /// How long a hello that asks for so many milliseconds may wait.
  static func awaitTime(milliseconds: Int) -> Duration {
    min(.milliseconds(min(max(milliseconds, 0), Int(Int32.max))), longestAwait)
  }

  private func appendRoles(_ sight: TopologySight, isHello: Bool, to reply: inout DocumentBuilder) {
    // A node whose engine is closed is a member that is neither, whatever the replication still believes.
    let view = sight.view
    let isServing = sight.state == .serving
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
      reply.append("lastWrite", ["lastWriteDate": .date(milliseconds), "majorityWriteDate": .date(milliseconds)])
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
      "version": .string(CommandInterpreter.versionText),
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
}
