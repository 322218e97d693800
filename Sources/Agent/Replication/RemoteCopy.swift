// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
internal import Logging
internal import Messages
internal import ReplicationCore
internal import Transport

/// A copy of another member's snapshot, over a connection of its own, with credit as flow control.
actor RemoteCopy: CopySource {
  /// How many chunks may be on their way.
  static let window: UInt32 = 16
  /// How many bytes of chunks may wait: as many chunks as the window allows, each with the largest of documents.
  static let inboxByteCapacity = 17 * 24 << 20
  /// How long a connection to the source may take.
  static let connectTimeout = Duration.seconds(10)

  private let link: MessageLink
  private let inbox: Mailbox<(Envelope, [UInt8])>
  private let node: NodeName
  private let boot: BootID
  private let stream: UInt64
  private var sequence: UInt64 = 0

  init(
    from source: MemberAddress, node: NodeName, boot: BootID, identity: CurveIdentity, sourceAddress: String?,
    logger: Logger
  ) throws {
    let inbox = Mailbox<(Envelope, [UInt8])>(capacity: Int(Self.window) + 8, byteCapacity: Self.inboxByteCapacity)
    self.inbox = inbox
    self.node = node
    self.boot = boot
    stream = UInt64.random(in: 1...UInt64.max)
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
    try link.start()
    try await link.connected(within: Self.connectTimeout)
    try send(.syncRequest(SyncRequest(streamID: stream, window: Self.window)))
    let (envelope, payload) = try await receive()
    guard case .syncBegin(let begin) = envelope.body, begin.streamID == stream else { throw unexpected(envelope) }
    let collections = try OplogRecord(decoding: payload).operations.map { operation in
      guard case .createCollection(let database, let name, let id) = operation else { throw unexpected(envelope) }
      return CopyBeginning.Collection(database: database, name: name, id: id)
    }
    return CopyBeginning(
      base: LogPosition(term: begin.baseTerm, index: begin.baseIndex),
      membership: try Membership(voters: begin.voters, learners: begin.learners), logBase: begin.logBaseIndex,
      collections: collections,
      documentsTotal: begin.documentsTotal)
  }

  func next() async throws -> CopyChunk? {
    let (envelope, payload) = try await receive()
    switch envelope.body {
    case .syncChunk(let chunk) where chunk.streamID == stream && chunk.sequence == sequence:
      sequence += 1
      try send(.syncCredit(SyncCredit(streamID: stream, credits: 1)))
      return CopyChunk(
        collection: chunk.collection, documents: Int(chunk.documents), rows: payload,
        isLastOfCollection: chunk.lastOfCollection)
    case .syncEnd(let end) where end.streamID == stream && end.succeeded && end.sequence == sequence: return nil
    default: throw unexpected(envelope)
    }
  }

  func close() {
    link.close()
    inbox.finish()
  }

  private func receive() async throws -> (Envelope, [UInt8]) {
    guard let message = try await inbox.next() else { throw MemberError(.syncFailed, "the copy was given up") }
    return message
  }

  private func send(_ body: MessageBody) throws { try link.send(Envelope(body, node: node, boot: boot)) }

  private func unexpected(_ envelope: Envelope) -> MemberError {
    if case .syncEnd(let end) = envelope.body, !end.succeeded {
      return MemberError(.syncFailed, "the source gave up: \(end.reason)")
    }
    return MemberError(.syncFailed, "the source sent a \(envelope.body.name) that does not belong here")
  }
}

extension ReplicationNetwork {
  /// A copy of `peer`'s data; throws `syncFailed` if its address is not known.
  public func copy(from peer: NodeName) throws -> any CopySource {
    guard let address = address(of: peer) else {
      throw MemberError(.syncFailed, "the address of \(peer) is not known yet")
    }
    return try RemoteCopy(
      from: address, node: node, boot: boot, identity: identity, sourceAddress: sourceAddress, logger: logger)
  }
}
