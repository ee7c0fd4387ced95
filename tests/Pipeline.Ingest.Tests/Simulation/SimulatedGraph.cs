using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Ingest.Committer;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest.Tests.Simulation;

/// <summary>Reads records in random portions and rolls them: one roll waits for its commit before the next is handed over.</summary>
internal sealed class SimulatedGraph
{
    private readonly Simulation _simulation;
    private readonly SimulatedWorker _worker;
    private readonly long _epoch;
    private readonly ImmutableArray<SplitStart> _starts;
    private readonly Dictionary<string, long> _next;
    private readonly Dictionary<(string Table, string Split), long?> _expected = [];
    private readonly Dictionary<(string Table, string Split), long> _reached = [];
    private bool _isWaiting;
    private bool _isDraining;
    private bool _hasEnded;

    /// <param name="remembered">Told how far each split has been read.</param>
    public SimulatedGraph(Simulation simulation, SimulatedWorker worker, long epoch, ImmutableArray<SplitStart> starts, Dictionary<string, long> remembered)
    {
        _simulation = simulation;
        _worker = worker;
        _epoch = epoch;
        _starts = starts;
        _next = remembered;
        foreach (var start in starts)
        {
            var split = start.Split.Id.ToString();
            _next[split] = start.From ?? 0;
            foreach (var (table, position) in start.Tables) _expected[(table, split)] = position;
        }

        ScheduleStep();
    }

    public void Drain() => _isDraining = true;

    public void Abort() => End(fault: null);

    public void Release() => _isWaiting = false;

    private void ScheduleStep() => _simulation.Time.After(TimeSpan.FromMilliseconds(_simulation.Random.Next(5, 300)), Step);

    private void Step()
    {
        if (_hasEnded) return;
        if (!_isWaiting)
        {
            if (_simulation.Happens(0.02)) End(new Fault(FaultKind.Unreachable, "Source", "went away", "Wait."));
            else if (_isDraining && _simulation.Happens(0.5)) End(fault: null);
            else Roll();
        }

        ScheduleStep();
    }

    private void End(Fault? fault)
    {
        if (_hasEnded) return;
        _hasEnded = true;
        _simulation.Soon(() => _worker.Apply(new WorkerEvent.GraphEnded(_epoch, fault)));
    }

    private void Roll()
    {
        var rows = new Dictionary<string, List<SimulatedRow>>(StringComparer.Ordinal);
        foreach (var start in _starts) Read(_simulation.SplitOf(start.Split.Id.ToString()), start, rows);

        var stages = _reached.Keys.Select(key => key.Table).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)
            // Tables without rows move their positions only now and then.
            .Where(table => rows.ContainsKey(table) || (table != Simulation.DeadLetters.ToString() && _simulation.Happens(0.2)))
            .OrderBy(table => (table == Simulation.DeadLetters.ToString()) == (_simulation.Mutation == Mutation.DeadLettersLast))
            .Select(table => Stage(table, rows.GetValueOrDefault(table, []))).ToImmutableArray();
        if (stages.IsEmpty) return;

        if (_simulation.Mutation == Mutation.AcknowledgeBeforeCommit)
            foreach (var start in _starts) _simulation.Acknowledge(start.Split.Id.ToString(), _next[start.Split.Id.ToString()]);
        _isWaiting = true;
        _simulation.Soon(() => _worker.Apply(new WorkerEvent.RollClosed(_epoch, new Roll(stages))));
    }

    private void Read(SimulatedSplit split, SplitStart start, Dictionary<string, List<SimulatedRow>> rows)
    {
        var from = _next[split.Name];
        var to = Math.Min(split.Records, from + split.Group * _simulation.Random.Next(0, 5));
        if (to == from) return;

        for (var position = Math.Max(from, split.Acknowledged); position < to; position++)
        {
            var isDead = split.IsDead(position);
            var table = isDead ? Simulation.DeadLetters.ToString() : TableId.Bronze(split.Split.Id.Source, split.TableOf(position)).ToString();
            // What the table has already is skipped.
            if (position < start.Tables[table]) continue;
            if (!rows.TryGetValue(table, out var list)) rows.Add(table, list = []);
            list.Add(new SimulatedRow(table, split.Name, position));
        }

        _next[split.Name] = to;
        foreach (var table in start.Tables.Keys)
        {
            var isSparse = table == Simulation.DeadLetters.ToString() && !(rows.TryGetValue(table, out var dead) && dead.Exists(row => row.Split == split.Name));
            if (!isSparse && !(to <= start.Tables[table])) _reached[(table, split.Name)] = to;
        }
    }

    private StageFiles Stage(string table, List<SimulatedRow> rows)
    {
        var ranges = _reached.Where(pair => pair.Key.Table == table).OrderBy(pair => pair.Key.Split, StringComparer.Ordinal)
            .Select(pair => new StagedRange(pair.Key.Split, _expected[pair.Key], pair.Value)).ToImmutableArray();
        foreach (var range in ranges)
        {
            _expected[(table, range.Split)] = range.To;
            _reached.Remove((table, range.Split));
        }

        ImmutableArray<StagedFile> files = rows.Count == 0
            ? []
            : [new StagedFile(_simulation.WriteFile(rows), ImmutableDictionary<string, string?>.Empty, 100, DateTimeOffset.UnixEpoch, Stats: null)];
        return new StageFiles(table, _simulation.NextGuid(), ranges, files, rows.Count, NewestEventAt: null, Schema: null);
    }
}
