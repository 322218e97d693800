// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Messages
internal import ReplicationCore
internal import Synchronization
internal import Transport

/// One copy on one connection.
struct CopyRoute: Hashable, Sendable {
  let route: Route
  let stream: UInt64
}

/// The credit of a copy being served: how many chunks its reader is ready to take.
final class CopySession: Sendable {
  /// The most chunks that may be on their way, whatever the reader asks for.
  static let maximumWindow: UInt32 = 64

  private struct State {
    var credit: UInt32
    var hasEnded = false
    var waiter: CheckedContinuation<Bool, Never>?
  }

  private let state: Mutex<State>

  init(window: UInt32) { state = Mutex(State(credit: min(max(window, 1), Self.maximumWindow))) }

  func grant(_ credits: UInt32) {
    let waiter = state.withLock { state -> CheckedContinuation<Bool, Never>? in
      state.credit = min(Self.maximumWindow, state.credit &+ min(credits, Self.maximumWindow))
      guard state.credit > 0, let waiter = state.waiter else { return nil }
      state.credit -= 1
      state.waiter = nil
      return waiter
    }
    waiter?.resume(returning: true)
  }

  func end() {
    let waiter = state.withLock { state -> CheckedContinuation<Bool, Never>? in
      state.hasEnded = true
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume(returning: false)
  }

  /// Waits until a chunk may go; false when the copy has ended.
  func take() async -> Bool {
    await withCheckedContinuation { continuation in
      let answer = state.withLock { state -> Bool? in
        if state.hasEnded { return false }
        if state.credit > 0 {
          state.credit -= 1
          return true
        }
        state.waiter = continuation
        return nil
      }
      if let answer { continuation.resume(returning: answer) }
    }
  }
}

extension ReplicationNetwork {
  /// How many copies a node serves at the same time.
  static let maximumCopies = 2

  func admit(_ session: CopySession, _ route: CopyRoute) -> Bool {
    let admitted = state.withLock { state in
      guard state.copies.count < Self.maximumCopies, state.copies[route] == nil else { return false }
      state.copies[route] = session
      return true
    }
    if !admitted { refuse(route, "this member serves \(Self.maximumCopies) copies already") }
    return admitted
  }

  /// Serves one copy to its end; whatever goes wrong is told to the reader, who tries again.
  func serve(_ request: SyncRequest, on route: CopyRoute, member: ReplicaMember?, session: CopySession) async {
    defer { state.withLock { $0.copies[route] = nil } }
    guard let member else { return refuse(route, "this member is not serving") }
    var source: (any CopySource)?
    do {
      let opened = try await member.openCopy()
      source = opened
      let sent = try await stream(from: opened, on: route, session: session)
      try reply(.syncEnd(SyncEnd(streamID: route.stream, sequence: sent, succeeded: true)), to: route.route)
    } catch {
      refuse(route, "\(error)")
    }
    await source?.close()
  }

  private func stream(from source: any CopySource, on route: CopyRoute, session: CopySession) async throws -> UInt64 {
    let beginning = try await source.begin()
    let collections = OplogRecord(
      beginning.collections.map { .createCollection($0.database, name: $0.name, $0.id) })
    try reply(
      .syncBegin(
        SyncBegin(
          streamID: route.stream, baseTerm: beginning.base.term, baseIndex: beginning.base.index,
          documentsTotal: beginning.documentsTotal, bytesTotal: 0, voters: beginning.membership.voters,
          learners: beginning.membership.learners, logBaseIndex: beginning.logBase)),
      payload: try collections.encoded(), to: route.route)
    var sequence: UInt64 = 0
    while let chunk = try await source.next() {
      guard await session.take() else { throw MemberError(.syncFailed, "the reader of the copy is gone") }
      try reply(
        .syncChunk(
          SyncChunk(
            streamID: route.stream, sequence: sequence, collection: chunk.collection,
            documents: UInt32(chunk.documents), lastOfCollection: chunk.isLastOfCollection)),
        payload: chunk.rows, to: route.route)
      sequence += 1
    }
    return sequence
  }

  func refuse(_ route: CopyRoute, _ reason: String) {
    _ = try? reply(
      .syncEnd(SyncEnd(streamID: route.stream, sequence: 0, succeeded: false, reason: String(reason.prefix(500)))),
      to: route.route)
  }
}
