// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// When whose calls to a KMS may be made: one queue for each account of a provider, first come, first served.
///
/// A slot is a moment, given out as soon as it is asked for, so that nothing has to happen for its turn to come: a node
/// that holds one waits until then and goes, whatever becomes of the coordinator. It is not kept across a start: who
/// still waits asks the new life, which begins without a reserve.
struct CallSlots: Sendable {
  /// The part of `KMSQuota.callsPerSecond` that slots are given for; the rest is for scheduled checks and the
  /// coordinator's own calls, which ask for none, and for what an earlier life of the coordinator gave out.
  static let share = 0.5
  /// How many calls an account that was left alone may take at once.
  static let burst = 10
  /// How long after its moment a slot counts as used or given up.
  static let life = Duration.seconds(30)
  /// The most calls that one slot is for.
  static let mostCalls = 2

  private struct Queue: Sendable {
    /// When the next call fits; in the past by what is in reserve.
    var nextAt: Instant
    var moments: [String: Instant] = [:]
    /// With so many of them it is looked which are over, so that none costs more than a look at two.
    var crowd = 64

    mutating func moment(of holder: String, calls: Int, every interval: Duration, now: Instant) -> Instant {
      // The clock was set back: all moments that were given out are as far ahead, and hold nobody up.
      if nextAt - now > interval * Double(CallSlots.mostCalls * (moments.count + 1)) + CallSlots.life {
        self = Queue(nextAt: now)
      }
      if let known = moments[holder], now - known <= CallSlots.life { return known }
      if moments.count >= crowd {
        moments = moments.filter { now - $0.value <= CallSlots.life }
        crowd = max(64, 2 * moments.count)
      }
      let begin = max(nextAt, now - interval * Double(CallSlots.burst))
      nextAt = begin + interval * Double(calls)
      let moment = max(begin, now)
      moments[holder] = moment
      return moment
    }
  }

  private var queues: [String: Queue] = [:]
  private let startedAt: Instant

  init(startedAt: Instant) { self.startedAt = startedAt }

  /// How long `holder` has to wait, and behind how many calls, its own among them: the moment it has stays, or it gets
  /// one at the end of the queue, for so many calls.
  mutating func wait(
    of holder: String, calls: Int, under settings: KMSSettings, now: Instant
  ) -> (wait: Duration, position: Int) {
    let interval = Duration.seconds(1) / (Double(KMSQuota.callsPerSecond(settings.provider)) * Self.share)
    let moment = queues[KMSQuota.account(of: settings), default: Queue(nextAt: startedAt)].moment(
      of: holder, calls: min(calls, Self.mostCalls), every: interval, now: now)
    let wait = moment - now
    return wait > .zero ? (wait, Int((wait / interval).rounded(.up))) : (.zero, 0)
  }

  /// Whoever held it made its call, and waits for its turn again; a moment that is still to come is kept, so that
  /// nobody who asks again and again is given more than one.
  mutating func finish(_ holder: String, now: Instant) {
    for account in queues.keys {
      if let moment = queues[account]?.moments[holder], moment <= now { queues[account]?.moments[holder] = nil }
    }
  }
}
