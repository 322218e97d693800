// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// What one operator was refused to look at within one span of time.
struct RefusedLooks: Sendable {
  /// When the first of them was.
  var since: Instant
  /// How many are in the audit record, each by itself.
  var kept = 0
  /// How many are only counted.
  var counted = 0
  /// The last of these.
  var last = ""
}

/// Looks that a role does not allow. Each says that somebody reached for what was not theirs, so they are kept; but not
/// without end: the oldest entries of the record go when it is full, and whoever may do nothing must not choose when.
extension CoordinatorCore {
  /// An operator was refused to look at something. The first few of a minute are kept by themselves, of the others how
  /// many there were, when the minute is over. A crash loses that count.
  public mutating func onRefusedLook(
    _ command: OperatorCommand, by admin: OperatorName, refusal: String, now: Instant
  ) -> [CoordinatorDirective] {
    var looks = refusedLooks[admin] ?? RefusedLooks(since: now)
    if !now.isWithin(CoordinatorLimits.refusedLooksSpan, after: looks.since) {
      sumUp(looks, of: admin, now: now)
      looks = RefusedLooks(since: now)
    }
    if looks.kept < CoordinatorLimits.refusedLooksKept {
      looks.kept += 1
      audit(command.commandName, by: admin, on: command.subject, "refused: \(refusal)", now: now)
    } else {
      looks.counted += 1
      looks.last = command.commandName
    }
    refusedLooks[admin] = looks
    return flush()
  }

  /// Sums up what was only counted, once its minute is over.
  mutating func attendRefusedLooks(now: Instant) {
    for (admin, looks) in refusedLooks.sorted(by: { $0.key < $1.key })
    where !now.isWithin(CoordinatorLimits.refusedLooksSpan, after: looks.since) {
      sumUp(looks, of: admin, now: now)
      refusedLooks[admin] = nil
    }
  }

  private mutating func sumUp(_ looks: RefusedLooks, of admin: OperatorName, now: Instant) {
    guard looks.counted > 0 else { return }
    audit(
      "looks refused", by: admin, on: admin.text,
      "\(looks.counted) more within a minute, the last of them '\(looks.last)'", now: now)
  }
}
