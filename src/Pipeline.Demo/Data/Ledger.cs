using System.Collections.Concurrent;

namespace Pipeline.Demo.Data;

/// <summary>
/// Counts what becomes of the generated rows, table by table. Different tables may be counted at the same time.
/// </summary>
internal sealed class Ledger
{
    private readonly ConcurrentDictionary<(string Source, string Table), Account> _accounts = new();

    public Account this[string source, string table] => _accounts.GetOrAdd((source, table), key => new Account(key.Source, key.Table));

    /// <summary>Rows written so far, dead letters among them, for live progress.</summary>
    public IReadOnlyDictionary<(string Source, string Table), long> Sent =>
        _accounts.ToDictionary(pair => pair.Key, pair => pair.Value.Sent);

    public IReadOnlyList<TableExpectation> Expectations =>
        [.. _accounts.Values.Select(account => account.Expectation).OrderBy(table => table.Source, StringComparer.Ordinal).ThenBy(table => table.Table, StringComparer.Ordinal)];

    /// <summary>The counts of one table; one thread at a time writes it.</summary>
    internal sealed class Account(string source, string table)
    {
        private readonly SortedDictionary<string, long> _quarantinedByRule = new(StringComparer.Ordinal);
        private readonly SortedDictionary<string, long> _warnedByRule = new(StringComparer.Ordinal);
        private readonly long[] _outcomes = new long[Enum.GetValues<Outcome>().Length];
        private long _sent;

        public long Sent => Volatile.Read(ref _sent);

        public long Bronze => Sent - Of(Outcome.DeadLettered);

        public TableExpectation Expectation => new(source, table, Sent, Of(Outcome.DeadLettered), Of(Outcome.New), Of(Outcome.Quarantined),
            Of(Outcome.Again), new Dictionary<string, long>(_quarantinedByRule, StringComparer.Ordinal),
            new Dictionary<string, long>(_warnedByRule, StringComparer.Ordinal));

        public void Count(Fate fate)
        {
            Volatile.Write(ref _sent, _sent + 1);
            _outcomes[(int)fate.Outcome]++;
            if (fate.Settles is { } settled)
            {
                _outcomes[(int)Outcome.Quarantined]--;
                _outcomes[(int)Outcome.Again]++;
                foreach (var rule in settled.Rules) _quarantinedByRule[rule]--;
            }

            foreach (var rule in fate.Rules) _quarantinedByRule[rule] = _quarantinedByRule.GetValueOrDefault(rule) + 1;
            foreach (var rule in fate.Warnings) _warnedByRule[rule] = _warnedByRule.GetValueOrDefault(rule) + 1;
        }

        private long Of(Outcome outcome) => _outcomes[(int)outcome];
    }
}
