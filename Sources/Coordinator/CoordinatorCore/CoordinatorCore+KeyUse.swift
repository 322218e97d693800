// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// What is wrong with wrapping by a key, or describing it, although it unwraps.
public struct KeyUseTrouble: Sendable, Equatable {
  /// What happened.
  public var detail: String
  /// Whether the same may work a moment later: once is no alert.
  public var isPassing: Bool
  /// What to do about it.
  public var next: String

  /// Makes a trouble of its parts.
  public init(detail: String, isPassing: Bool, next: String) {
    (self.detail, self.isPassing, self.next) = (detail, isPassing, next)
  }
}

/// Wrapping and describing: no verdict comes of them (design, section 6), but somebody has to hear in time.
extension CoordinatorCore {
  /// The coordinator tried to wrap by a project's key and to describe it; dropped if it was under older settings.
  public mutating func onKeyUse(
    _ name: ProjectName, settingsVersion: UInt64, trouble: KeyUseTrouble?, now: Instant
  ) -> [CoordinatorDirective] {
    guard let project = projectRecords[name], project.settingsVersion == settingsVersion else { return [] }
    guard let trouble else {
      noteKeyIsUsable(name, now: now)
      return flush()
    }
    let failures = (schedules[name]?.useFailures ?? 0) + 1
    schedules[name]?.useFailures = failures
    guard !trouble.isPassing || failures >= CoordinatorLimits.outageChecks else { return flush() }
    openAlert(
      .keyUse, subject: name.text,
      text:
        "The key of project \(name) unwraps, so nothing is closed; but not all that is needed works: \(trouble.detail)",
      next: trouble.next, now: now)
    return flush()
  }

  /// The key wraps and is described.
  mutating func noteKeyIsUsable(_ name: ProjectName, now: Instant) {
    schedules[name]?.useFailures = 0
    closeAlert(.keyUse, subject: name.text, now: now)
  }
}
