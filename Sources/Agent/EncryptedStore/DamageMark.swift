// SPDX-License-Identifier: GPL-3.0-or-later

/// The file `damaged` in a store's folder: recovery found the journal broken and left committed changes out.
///
/// It stays until the store is copied anew, because nothing else on disk tells of the loss afterwards. Its first line
/// is the file's name, the second the reason.
struct DamageMark {
  static let fileName = "damaged"

  let file: String?
  let reason: String

  func write(to folder: String) throws(StoreError) {
    let reason = reason.split(separator: "\n").joined(separator: " ")
    try DurableFile.replace(folder + "/" + Self.fileName, with: Array("\(file ?? "")\n\(reason)\n".utf8))
  }

  /// Throws `damaged` if the mark is there.
  static func check(_ folder: String, doing: String) throws(StoreError) {
    let bytes: [UInt8]
    do throws(StoreError) {
      bytes = try DurableFile.read(folder + "/" + fileName)
    } catch {
      if error.code == .missingFile { return }
      throw error
    }
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    let file = lines.first.flatMap { $0.isEmpty ? nil : String($0) }
    throw error(doing: doing, file: file, reason: lines.count > 1 ? String(lines[1]) : "no reason is recorded")
  }

  static func error(doing: String, file: String?, reason: String) -> StoreError {
    StoreError(
      .damaged, doing: doing, file: file,
      detail: "recovery left committed changes out: \(reason); copy the data anew from a healthy member")
  }
}
