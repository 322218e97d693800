// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// Checks that end without a word about the key.
extension CoordinatorCore {
  /// The coordinator's own check of a project's key said nothing of it, or could not be made; one of older settings is
  /// dropped.
  ///
  /// What is known of the key stays as it was and grows old, so somebody has to hear of it, and the next check is soon.
  public mutating func onCheckFailed(
    _ name: ProjectName, settingsVersion: UInt64, why: String, now: Instant
  ) -> [CoordinatorDirective] {
    guard let project = projectRecords[name], project.kms != nil else { return [] }
    if let former = project.neededKeys.first(where: { $0.settingsVersion == settingsVersion }) {
      openAlert(
        .keyNotChecked, subject: Self.subject(of: former.keyID, in: name),
        text: "The former key \(former.keyID) of project \(name) was not checked: \(why)",
        next: "See which nodes still need it with: keyfold keys needed", now: now)
      return flush()
    }
    guard project.settingsVersion == settingsVersion else { return [] }
    var schedule = schedules[name] ?? CheckSchedule(dueAt: now)
    (schedule.dueAt, schedule.askedAt) = (now + CoordinatorLimits.troubledCheckInterval, nil)
    schedules[name] = schedule
    openAlert(
      .keyNotChecked, subject: name.text, text: "The key of project \(name) was not checked: \(why)",
      next: "Set the same settings anew, with their secret if they have one: keyfold kms set \(name) …", now: now)
    return flush()
  }

  /// The key was checked, whatever the verdict.
  mutating func noteChecked(_ name: ProjectName, now: Instant) {
    closeAlert(.keyNotChecked, subject: name.text, now: now)
  }
}
