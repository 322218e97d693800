// SPDX-License-Identifier: GPL-3.0-or-later
internal import Synchronization

/// Bytes that all connections of a server share; whoever asks for more than is left waits its turn.
///
/// Turns come in the order of asking, so that large requests are not overtaken for ever by small ones.
final class MemoryBudget: Sendable {
  /// Bytes taken from a budget; they go back when the last reference to this goes.
  final class Share: Sendable {
    private let budget: MemoryBudget
    private let bytes: Mutex<Int>

    fileprivate init(_ budget: MemoryBudget, _ bytes: Int) {
      self.budget = budget
      self.bytes = Mutex(bytes)
    }

    deinit { budget.giveBack(bytes.withLock { $0 }) }

    /// Keeps only so many bytes, if it has more.
    func shrink(to kept: Int) {
      let rest = bytes.withLock { bytes in
        let rest = max(0, bytes - max(0, kept))
        bytes -= rest
        return rest
      }
      if rest > 0 { budget.giveBack(rest) }
    }
  }

  /// Names somebody who waits.
  struct Ticket: Sendable, Equatable { fileprivate let number: UInt64 }

  /// What somebody who asked gets.
  enum Answer: Sendable {
    case share(Share)
    /// The share comes through the closure that was given, unless the ticket is given up before.
    case later(Ticket)
  }

  private struct Waiter {
    let ticket: Ticket
    let bytes: Int
    let grant: @Sendable (Share) -> Void
  }

  private struct State {
    var used = 0
    var lastTicket: UInt64 = 0
    var waiters: [Waiter] = []
  }

  /// How many bytes there are.
  let limit: Int
  private let state = Mutex(State())

  init(limit: Int) { self.limit = limit }

  /// Bytes taken now.
  var used: Int { state.withLock { $0.used } }
  /// How many wait.
  var waiting: Int { state.withLock { $0.waiters.count } }

  /// Takes bytes, now or later; more than there are in all counts as all. `grant` is called on any thread.
  func take(_ bytes: Int, orLater grant: @escaping @Sendable (Share) -> Void) -> Answer {
    let bytes = min(max(bytes, 0), limit)
    let ticket = state.withLock { state -> Ticket? in
      if state.waiters.isEmpty, bytes <= limit - state.used {
        state.used += bytes
        return nil
      }
      state.lastTicket += 1
      let ticket = Ticket(number: state.lastTicket)
      state.waiters.append(Waiter(ticket: ticket, bytes: bytes, grant: grant))
      return ticket
    }
    return ticket.map { .later($0) } ?? .share(Share(self, bytes))
  }

  /// Takes bytes, waiting for them.
  func share(_ bytes: Int) async -> Share {
    await withCheckedContinuation { continuation in
      if case .share(let share) = take(bytes, orLater: { continuation.resume(returning: $0) }) {
        continuation.resume(returning: share)
      }
    }
  }

  /// Waits no more; nothing happens if the share was granted already.
  func giveUp(_ ticket: Ticket) {
    let due = state.withLock { state in
      state.waiters.removeAll { $0.ticket == ticket }
      return takeDue(&state)
    }
    grant(due)
  }

  private func giveBack(_ bytes: Int) {
    let due = state.withLock { state in
      state.used -= bytes
      return takeDue(&state)
    }
    grant(due)
  }

  private func takeDue(_ state: inout State) -> ArraySlice<Waiter> {
    var count = 0
    while count < state.waiters.count, state.waiters[count].bytes <= limit - state.used {
      state.used += state.waiters[count].bytes
      count += 1
    }
    let due = state.waiters.prefix(count)
    state.waiters.removeFirst(count)
    return due
  }

  private func grant(_ waiters: ArraySlice<Waiter>) {
    for waiter in waiters { waiter.grant(Share(self, waiter.bytes)) }
  }
}
