// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import FailurePoints
internal import Messages
internal import ReplicationCore
internal import Synchronization
internal import Transport

/// One stream of a copy on one connection.
struct CopyRoute: Hashable, Sendable {
  let route: Route
  let stream: UInt64
}

/// The credit of a stream being served: how many bytes its reader is ready to take.
final class CopySession: Sendable {
  private struct State {
    var credit: Int64
    var hasEnded = false
    var waiter: (charge: Int64, continuation: CheckedContinuation<Bool, Never>)?
  }

  private static let ceiling = Int64(CopyLimits.sourceBudgetBytes)
  private let state: Mutex<State>

  init(budget: UInt64) {
    state = Mutex(State(credit: Int64(min(max(budget, CopyLimits.minimumCharge), CopyLimits.sourceBudgetBytes))))
  }

  func grant(_ bytes: UInt64) {
    let waiter = state.withLock { state -> CheckedContinuation<Bool, Never>? in
      state.credit = min(Self.ceiling, state.credit + Int64(min(bytes, CopyLimits.sourceBudgetBytes)))
      guard state.credit > 0, let waiter = state.waiter else { return nil }
      state.credit -= waiter.charge
      state.waiter = nil
      return waiter.continuation
    }
    waiter?.resume(returning: true)
  }

  func end() {
    let waiter = state.withLock { state -> CheckedContinuation<Bool, Never>? in
      state.hasEnded = true
      defer { state.waiter = nil }
      return state.waiter?.continuation
    }
    waiter?.resume(returning: false)
  }

  /// Waits until a chunk that counts `charge` bytes may go; false when the stream has ended. Credit may go below zero
  /// by one chunk, so that one of any size can go.
  func take(_ charge: UInt64) async -> Bool {
    let charge = Int64(clamping: charge)
    return await withCheckedContinuation { continuation in
      let answer = state.withLock { state -> Bool? in
        if state.hasEnded { return false }
        if state.credit > 0 {
          state.credit -= charge
          return true
        }
        state.waiter = (charge, continuation)
        return nil
      }
      if let answer { continuation.resume(returning: answer) }
    }
  }
}

extension ReplicationNetwork {
  func admit(_ session: CopySession, _ route: CopyRoute) -> Bool {
    let admitted = state.withLock { state in
      guard state.copies.count < CopyLimits.servedStreams, state.copies[route] == nil else { return false }
      state.copies[route] = session
      return true
    }
    if !admitted { refuse(route, "this member serves \(CopyLimits.servedStreams) streams of copies already") }
    return admitted
  }

  /// Serves one request to its end; whatever goes wrong is told to the reader, who tries again.
  func serve(
    _ request: SyncRequest, after key: [UInt8], on route: CopyRoute, member: ReplicaMember?, session: CopySession
  ) async {
    defer { state.withLock { $0.copies[route] = nil } }
    guard let member else { return refuse(route, "this member is not serving") }
    var source: (any CopySource)?
    do {
      let opened = try await member.openCopy(for: request.fromIndex)
      source = opened
      var sent: UInt64 = 0
      if let collection = request.collection {
        let opening = try await opened.open(collection, after: key.isEmpty ? nil : key, from: request.fromIndex)
        try reply(.syncBegin(opening.message(route.stream)), to: route.route)
        sent = try await stream(from: opened, on: route, session: session)
      } else {
        let beginning = try await opened.begin()
        let (message, payload) = try beginning.message(route.stream)
        try reply(.syncBegin(message), payload: payload, to: route.route)
      }
      try reply(.syncEnd(SyncEnd(streamID: route.stream, sequence: sent, succeeded: true)), to: route.route)
    } catch {
      refuse(route, "\(error)")
    }
    await source?.close()
  }

  private func stream(from source: any CopySource, on route: CopyRoute, session: CopySession) async throws -> UInt64 {
    var sequence: UInt64 = 0
    while let chunk = try await source.next() {
      guard await session.take(CopyLimits.charge(chunk.rows)) else {
        throw MemberError(.syncFailed, "the reader of the copy is gone")
      }
      FailurePoint.reach("copy.serve.chunk")
      try reply(
        .syncChunk(
          SyncChunk(
            streamID: route.stream, sequence: sequence, collection: chunk.collection,
            documents: UInt32(chunk.documents), lastOfCollection: chunk.isLastOfCollection,
            logBaseIndex: chunk.logBase, oplogSeconds: chunk.oplogSeconds)),
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

extension CopyBeginning {
  fileprivate func message(_ stream: UInt64) throws -> (SyncBegin, [UInt8]) {
    let catalogue = OplogRecord(collections.map { .createCollection($0.database, name: $0.name, $0.id) })
    let message = SyncBegin(
      streamID: stream, baseTerm: base.term, baseIndex: base.index, documentsTotal: 0, bytesTotal: fileBytes,
      voters: membership.voters, learners: membership.learners, logBaseIndex: logBase, oplogSeconds: oplogSeconds)
    return (message, try catalogue.encoded())
  }
}

extension CopyOpening {
  fileprivate func message(_ stream: UInt64) -> SyncBegin {
    SyncBegin(
      streamID: stream, baseTerm: base.term, baseIndex: base.index, documentsTotal: 0, bytesTotal: 0,
      logBaseIndex: logBase, isGone: isGone)
  }
}
