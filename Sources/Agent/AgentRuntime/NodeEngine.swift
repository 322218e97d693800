// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import DocumentServer
internal import Replication
internal import Synchronization

/// What the document server sees of the node: the open member, or why there is none.
final class NodeEngine: DocumentEngine {
  private struct State {
    var member: ReplicaMember?
    var reason = "the node is starting"
    var cluster = ""
    var members: [MemberAddress] = []
    var setVersion: UInt64 = 0
    var ownAddress = ""
    /// How often a member came or went.
    var attachments: UInt64 = 0
  }

  private let node: NodeName
  private let shared = Mutex(State())
  private let observer = Mutex<(@Sendable () -> Void)?>(nil)

  init(node: NodeName) { self.node = node }

  func attach(_ member: ReplicaMember) {
    change {
      $0.member = member
      $0.attachments += 1
    }
    member.observeStatus { [weak self] in self?.notify() }
  }

  func detach(because reason: String) {
    change {
      $0.member = nil
      $0.attachments += 1
      $0.reason = reason
    }
  }

  /// Says why there is no member, if there is none.
  func explain(_ reason: String) { change { $0.reason = reason } }

  func bind(driverAddress: String) { change { $0.ownAddress = driverAddress } }

  func updateMembers(_ assignment: NodeAssignment) {
    change {
      $0.cluster = assignment.cluster.text
      $0.members = assignment.members
      $0.setVersion = assignment.version
    }
  }

  func onViewChange(_ body: @Sendable @escaping () -> Void) { observer.withLock { $0 = body } }

  /// Changes what drivers see, and says so.
  private func change(_ body: (inout State) -> Void) {
    shared.withLock { body(&$0) }
    notify()
  }

  private func notify() { observer.withLock { $0 }?() }

  /// Where the open member stands, nil while there is none.
  var memberStatus: MemberStatus? { shared.withLock { $0.member }?.status }

  func replicaSetView() -> ReplicaSetView {
    let state = shared.withLock { $0 }
    let status = state.member?.status
    func address(of name: NodeName?) -> String? {
      guard let name else { return nil }
      let known = name == node ? state.ownAddress : state.members.first { $0.node == name }?.driverAddress
      return known.flatMap { $0.isEmpty ? nil : $0 }
    }
    var hosts = state.members.compactMap { address(of: $0.node) }
    if !state.ownAddress.isEmpty, !hosts.contains(state.ownAddress) { hosts.append(state.ownAddress) }
    return ReplicaSetView(
      setName: state.cluster, setVersion: Int(clamping: max(state.setVersion, 1)), me: state.ownAddress, hosts: hosts,
      primary: address(of: status?.primary), isWritablePrimary: status?.takesWrites ?? false,
      isSecondary: status?.role == .secondary && status?.isReadable == true,
      electionID: status?.term ?? 0,
      lastWriteMilliseconds: status?.currentAt.map(Self.wallClock))
  }

  /// The moment up to which a member has everything, by the clock of the day: drivers compare it with other members' to
  /// tell how stale each is.
  private static func wallClock(of instant: ContinuousClock.Instant) -> Int64 {
    AgentShell.wallClock - Int64((ContinuousClock.now - instant) / .milliseconds(1))
  }

  func state() -> EngineState {
    shared.withLock { $0.member == nil ? .unavailable(reason: $0.reason) : .serving }
  }

  func systemVersion() -> UInt64 {
    let (member, attachments) = shared.withLock { ($0.member, $0.attachments) }
    return attachments << 40 &+ (member?.systemVersion ?? 0)
  }

  func read<R: Sendable>(_ body: @Sendable @escaping (any ReadTransaction) throws -> R) async throws -> R {
    try await translating { try await member().readers.read { try body(DocumentReads($0)) } }
  }

  func write<R: Sendable>(_ body: @Sendable @escaping (any WriteTransaction) throws -> R) async throws -> R {
    try await translating { try await member().write { try body(DocumentWrites($0)) } }
  }

  private func member() throws(EngineError) -> ReplicaMember {
    let (member, reason) = shared.withLock { ($0.member, $0.reason) }
    guard let member else { throw EngineError(.unavailable, reason) }
    guard member.status.isReadable else {
      throw EngineError(.unavailable, "the node is still catching up after its start or an initial sync")
    }
    return member
  }

  private func translating<R>(_ body: () async throws -> R) async throws -> R {
    do { return try await body() } catch let error as MemberError { throw EngineError(error) }
  }
}

extension EngineError {
  init(_ error: MemberError) {
    let code: Code =
      switch error.code {
      case .notPrimary: .notPrimary
      case .outcomeUnknown: .outcomeUnknown
      case .closed: .unavailable
      case .overloaded: .overloaded
      case .damaged, .storage, .syncFailed, .syncOutrun, .noRoom, .invalid: .storage
      }
    self.init(code, error.description)
  }
}
