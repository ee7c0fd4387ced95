using System.Collections.Concurrent;
using System.Globalization;

namespace Pipeline.Faults.Tests;

/// <summary>One change as its writer knows it.</summary>
/// <param name="Op"><c>c</c>, <c>u</c> or <c>d</c>.</param>
/// <param name="Version">Of the row afterwards; of a delete, null.</param>
internal readonly record struct BookedChange(string Table, long Id, char Op, int? Version, long Transaction);

/// <summary>What the writers say they did: the changes of committed transactions. Thread-safe.</summary>
internal sealed class WritersBook
{
    private readonly ConcurrentQueue<BookedChange> _changes = new();
    private readonly ConcurrentDictionary<long, byte> _rolledBack = new();
    private long _transactions;

    public long Transactions => Interlocked.Read(ref _transactions);

    public IReadOnlyCollection<long> RolledBack => [.. _rolledBack.Keys];

    public void Commit(IEnumerable<BookedChange> changes)
    {
        foreach (var change in changes) _changes.Enqueue(change);
        Interlocked.Increment(ref _transactions);
    }

    public void RollBack(long transaction) => _rolledBack[transaction] = 0;

    /// <summary>
    /// For each key that was changed, its changes in the order of their commits: <c>17: c1,u2,d</c>. A row's lock makes its
    /// versions that order; a key is never used again.
    /// </summary>
    public IEnumerable<string> Histories(string table) => _changes.Where(change => change.Table == table).GroupBy(change => change.Id)
        .Select(key => string.Create(CultureInfo.InvariantCulture, $"{key.Key}: {string.Join(',', key.OrderBy(change => change.Version ?? int.MaxValue).Select(change => $"{change.Op}{change.Version}"))}"))
        .Order(StringComparer.Ordinal);

    /// <summary>Every state that a committed row had: <c>ID:VERSION:TRANSACTION</c>.</summary>
    public IEnumerable<string> States(string table) => _changes.Where(change => change.Table == table && change.Version is not null)
        .Select(change => string.Create(CultureInfo.InvariantCulture, $"{change.Id}:{change.Version}:{change.Transaction}"));
}
