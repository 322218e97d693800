// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// From where drivers may connect: each project's access list.
///
/// The first entry turns the list on. It stays on when the last entry goes, by an operator or by itself: a list that
/// runs out must not let everybody in.
extension CoordinatorCore {
  /// Lets a range in, for good or for some hours; `anywhere` confirms a range that is every address there is.
  public mutating func addAccess(
    _ text: String, to name: ProjectName, comment: String = "", hours: Int? = nil, anywhere: Bool = false, now: Instant
  ) throws(CoordinatorError) -> Decision<AccessListView> {
    var project = try self.project(name)
    let range = try Self.range(text)
    let refusal = "The access list of project \(name) was not changed."
    guard !range.isEverything || anywhere else {
      throw CoordinatorError(
        .refused, refusal, why: "\(range) is every \(range.address.isIPv6 ? "IPv6" : "IPv4") address there is.",
        next: "If that is meant, say --confirm.")
    }
    if let hours, !(1...CoordinatorLimits.longestAccessHours).contains(hours) {
      throw CoordinatorError(
        .invalid, refusal, why: "An entry expires after 1 to \(CoordinatorLimits.longestAccessHours) hours.")
    }
    let unseen: Set<Unicode.GeneralCategory> = [.control, .format, .lineSeparator, .paragraphSeparator, .surrogate]
    guard comment.unicodeScalars.count <= CoordinatorLimits.maximumAccessComment,
      comment.unicodeScalars.allSatisfy({
        !$0.properties.isDefaultIgnorableCodePoint && !unseen.contains($0.properties.generalCategory)
      })
    else {
      throw CoordinatorError(
        .invalid, refusal,
        why: "A comment has at most \(CoordinatorLimits.maximumAccessComment) characters, and no control characters.")
    }
    let entries = project.accessList ?? []
    if entries.contains(where: { $0.range == range }) {
      throw CoordinatorError(
        .alreadyExists, refusal, why: "\(range) is on it already.",
        next: "To change it, remove it first: keyfold project access remove \(name) \(range)")
    }
    guard entries.count < IPList.maximumAccessEntries else {
      throw CoordinatorError(
        .refused, refusal, why: "It has \(IPList.maximumAccessEntries) entries, the most allowed.",
        next: "Remove entries, or add ranges that hold several of them.")
    }
    // Before the entry is there: what has passed until now is not its time.
    keepAccessAges()
    project = try self.project(name)
    let entry = AccessRecord(
      range: range, comment: comment, addedAt: now, lifetimeMilliseconds: hours.map { Int64($0) * 3_600_000 })
    project.accessList = ((project.accessList ?? []) + [entry]).sorted { $0.range < $1.range }
    return decide(project, now: now)
  }

  /// Takes a range off; connections from there end.
  public mutating func removeAccess(
    _ text: String, from name: ProjectName, now: Instant
  ) throws(CoordinatorError) -> Decision<AccessListView> {
    var project = try self.project(name)
    let range = try Self.range(text)
    guard let index = project.accessList?.firstIndex(where: { $0.range == range }) else {
      throw CoordinatorError(
        .notFound, "\(range) is not on the access list of project \(name).",
        next: "See it with: keyfold project access list \(name)")
    }
    project.accessList?.remove(at: index)
    return decide(project, now: now)
  }

  /// Drops a project's access list: drivers may connect from anywhere again.
  public mutating func dropAccessList(
    of name: ProjectName, now: Instant
  ) throws(CoordinatorError) -> Decision<AccessListView> {
    var project = try self.project(name)
    guard project.accessList != nil else {
      throw CoordinatorError(
        .notFound, "Project \(name) has no access list.",
        next: "The first entry makes one: keyfold project access add \(name) CIDR")
    }
    project.accessList = nil
    return decide(project, now: now)
  }

  /// A project's access list as an operator sees it.
  public func accessListView(of name: ProjectName, now: Instant) throws(CoordinatorError) -> AccessListView {
    view(ofAccessTo: try project(name), now: now)
  }

  private mutating func decide(_ project: ProjectRecord, now: Instant) -> Decision<AccessListView> {
    put(project)
    refreshAddresses(now: now)
    return Decision(view(ofAccessTo: project, now: now), flush())
  }

  private static func range(_ text: String) throws(CoordinatorError) -> IPRange {
    do { return try IPRange(text) } catch {
      throw CoordinatorError(.invalid, "The range can't be used.", why: error.description)
    }
  }

  func view(ofAccessTo project: ProjectRecord, now: Instant) -> AccessListView {
    let nodes = clusters(of: project.name).flatMap(\.members)
    let entries = (project.accessList ?? []).map { entry in
      AccessListView.Entry(
        range: entry.range, comment: entry.comment, addedAt: OperatorTime(milliseconds: entry.addedAt.milliseconds),
        expiresAt: remaining(of: entry, now: now).map { OperatorTime(milliseconds: (now + $0).milliseconds) })
    }
    return AccessListView(
      project: project.name, isOn: project.accessList != nil, entries: entries, version: addresses.version,
      nodes: nodes.count, nodesUpToDate: nodes.filter { report(of: $0)?.ipListVersion == addresses.version }.count)
  }
}

// MARK: - Entries that end by themselves

extension CoordinatorCore {
  /// How long an entry still holds; nil for good.
  ///
  /// It ends at its moment by the clock, also if no coordinator ran then, or once all of its time was seen to pass: a
  /// clock that is set back prolongs nothing. One that is set ahead ends entries early: whoever should get in can be
  /// let in again, but nobody takes back what came in through an entry that should have been gone.
  func remaining(of entry: AccessRecord, now: Instant) -> Duration? {
    entry.lifetimeMilliseconds.map { lifetime in
      let unseen = .milliseconds(lifetime) - .milliseconds(entry.passedMilliseconds) - unkeptAccessAge
      return max(.zero, min(unseen, entry.addedAt + .milliseconds(lifetime) - now))
    }
  }

  /// Lets entries grow older; what they reached is kept in steps, like the ages of plans.
  mutating func growAccessOlder(by passed: Duration) {
    unkeptAccessAge += passed
    if unkeptAccessAge >= CoordinatorLimits.ageStep { keepAccessAges() }
  }

  /// Takes entries off whose time is over.
  mutating func endAccess(now: Instant) {
    func isOver(_ entry: AccessRecord) -> Bool { remaining(of: entry, now: now).map { $0 <= .zero } ?? false }
    let ending = projectRecords.values.filter { $0.accessList?.contains(where: isOver) == true }
    guard !ending.isEmpty else { return }
    for var project in ending.sorted(by: { $0.name < $1.name }) {
      for entry in project.accessList ?? [] where isOver(entry) {
        audit("access expired", on: "\(project.name): \(entry.range)", "its time is over", now: now)
      }
      project.accessList?.removeAll(where: isOver)
      put(project)
    }
    refreshAddresses(now: now)
  }

  private mutating func keepAccessAges() {
    let passed = unkeptAccessAge.wholeMilliseconds
    unkeptAccessAge = .zero
    guard passed > 0 else { return }
    for var project in projectRecords.values {
      guard let entries = project.accessList, entries.contains(where: { $0.lifetimeMilliseconds != nil }) else {
        continue
      }
      project.accessList = entries.map { entry in
        var entry = entry
        if entry.lifetimeMilliseconds != nil {
          entry.passedMilliseconds = entry.passedMilliseconds.addingClamped(passed)
        }
        return entry
      }
      put(project)
    }
  }
}
