// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
internal import Logging
internal import Messages
internal import ReplicationCore
internal import Transport

/// Another member as a copy's source, over a connection of its own, one request after the other, with bytes of credit
/// as flow control.
actor RemoteCopy: CopySource {
  /// How long a connection to the source may take.
  static let connectTimeout = Duration.seconds(10)
  /// How long a source may say nothing: much longer than it needs for a chunk. Its sockets answer for it even while its
  /// disk hangs.
  static let silenceLimit = Duration.seconds(60)

  private let link: MessageLink
  private let inbox: Mailbox<(Envelope, [UInt8])>
  private let node: NodeName
  private let boot: BootID
  private var stream = UInt64.random(in: 1...(UInt64.max / 2))
  private var sequence: UInt64 = 0
  private var isConnected = false

  init(
    from source: MemberAddress, node: NodeName, boot: BootID, identity: CurveIdentity, sourceAddress: String?,
    logger: Logger
  ) throws {
    // Every chunk on its way is charged at least the minimum; begin and end messages come on top.
    let inbox = Mailbox<(Envelope, [UInt8])>(
      capacity: Int(CopyLimits.readerBudgetBytes / CopyLimits.minimumCharge) + 16,
      byteCapacity: Int(CopyLimits.readerBudgetBytes) + ReplicationNetwork.largestChunkBytes)
    self.inbox = inbox
    self.node = node
    self.boot = boot
    link = try MessageLink(
      endpoint: source.replicationAddress, from: sourceAddress, serverKey: try CurvePublicKey(source.publicKey),
      identity: identity, limits: .replication, logger: logger
    ) { event in
      switch event {
      case .message(let envelope, let payload): inbox.put((envelope, payload), bytes: payload.count)
      case .disconnected:
        inbox.finish(MemberError(.syncFailed, "the connection to \(source.node) broke during the copy"))
      case .refused(let reason):
        inbox.finish(MemberError(.syncFailed, "\(source.node) refused the copy: \(reason.rawValue)"))
      case .connected: break
      }
    }
  }

  func begin() async throws -> CopyBeginning {
    let (begin, payload) = try await ask(for: nil, after: nil, from: 0)
    let collections = try OplogRecord(decoding: payload).operations.map { operation in
      guard case .createCollection(let database, let name, let id) = operation else {
        throw MemberError(.syncFailed, "the source's catalogue holds something else than collections")
      }
      return CopyBeginning.Collection(database: database, name: name, id: id)
    }
    _ = try await next()
    return CopyBeginning(
      base: LogPosition(term: begin.baseTerm, index: begin.baseIndex),
      membership: try Membership(voters: begin.voters, learners: begin.learners), logBase: begin.logBaseIndex,
      collections: collections, fileBytes: begin.bytesTotal, oplogSeconds: begin.oplogSeconds)
  }

  func open(_ collection: CollectionID, after key: [UInt8]?, from index: UInt64) async throws -> CopyOpening {
    let (begin, _) = try await ask(for: collection, after: key, from: index)
    return CopyOpening(
      base: LogPosition(term: begin.baseTerm, index: begin.baseIndex), isGone: begin.isGone,
      logBase: begin.logBaseIndex)
  }

  func next() async throws -> CopyChunk? {
    let (envelope, payload) = try await receive()
    switch envelope.body {
    case .syncChunk(let chunk) where chunk.sequence == sequence:
      sequence += 1
      try send(.syncCredit(SyncCredit(streamID: stream, bytes: CopyLimits.charge(payload))))
      return CopyChunk(
        collection: chunk.collection, documents: Int(chunk.documents), rows: payload,
        isLastOfCollection: chunk.lastOfCollection, logBase: chunk.logBaseIndex, oplogSeconds: chunk.oplogSeconds)
    case .syncEnd(let end) where end.succeeded && end.sequence == sequence: return nil
    default: throw unexpected(envelope)
    }
  }

  func close() {
    link.close()
    inbox.finish()
  }

  private func ask(
    for collection: CollectionID?, after key: [UInt8]?, from index: UInt64
  ) async throws -> (SyncBegin, [UInt8]) {
    if !isConnected {
      try link.start()
      try await link.connected(within: Self.connectTimeout)
      isConnected = true
    }
    // What is still on its way for an earlier stream is passed over.
    stream += 1
    sequence = 0
    let request = SyncRequest(
      streamID: stream, collection: collection, budgetBytes: CopyLimits.readerBudgetBytes, fromIndex: index)
    try link.send(Envelope(.syncRequest(request), node: node, boot: boot), payload: key ?? [])
    let (envelope, payload) = try await receive()
    guard case .syncBegin(let begin) = envelope.body else { throw unexpected(envelope) }
    return (begin, payload)
  }

  private func receive() async throws -> (Envelope, [UInt8]) {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { [inbox] in
        try await Task.sleep(for: Self.silenceLimit)
        inbox.finish(MemberError(.syncFailed, "the source has said nothing for \(Self.silenceLimit)"))
      }
      defer { group.cancelAll() }
      while let message = try await inbox.next() {
        if message.0.body.syncStream == stream { return message }
      }
      throw MemberError(.syncFailed, "the copy was given up")
    }
  }

  private func send(_ body: MessageBody) throws { try link.send(Envelope(body, node: node, boot: boot)) }

  private func unexpected(_ envelope: Envelope) -> MemberError {
    if case .syncEnd(let end) = envelope.body, !end.succeeded {
      return MemberError(.syncFailed, "the source gave up: \(end.reason)")
    }
    return MemberError(.syncFailed, "the source sent a \(envelope.body.name) that does not belong here")
  }
}

extension MessageBody {
  fileprivate var syncStream: UInt64? {
    switch self {
    case .syncBegin(let begin): begin.streamID
    case .syncChunk(let chunk): chunk.streamID
    case .syncEnd(let end): end.streamID
    default: nil
    }
  }
}

extension ReplicationNetwork {
  /// A catalogue, or a chunk of one row of the largest document: what may wait for a reader beyond its budget.
  static let largestChunkBytes = 68 << 20

  /// A copy of `peer`'s data; throws `syncFailed` if its address is not known.
  public func copy(from peer: NodeName) throws -> any CopySource {
    guard let address = address(of: peer) else {
      throw MemberError(.syncFailed, "the address of \(peer) is not known yet")
    }
    return try RemoteCopy(
      from: address, node: node, boot: boot, identity: identity, sourceAddress: sourceAddress, logger: logger)
  }

  /// These members as sources, the best first.
  public func copies(from peers: [NodeName]) -> CopySources {
    CopySources(peers.map(\.text)) { [self] index in try copy(from: peers[index]) }
  }
}
