using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Ingest.Committer;
using Pipeline.Ingest.Streams;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest.Tests.Simulation;

/// <summary>Reads records in random portions and rolls them: one roll waits for its commit before the next is handed over.</summary>
internal sealed class SimulatedGraph
{
    private readonly Simulation _simulation;
    private readonly SimulatedWorker _worker;
    private readonly long _epoch;
    private readonly ImmutableArray<SplitStart> _starts;
    private readonly Dictionary<SplitId, long> _next;
    private readonly SimulatedRoll _deadLetters = new(Simulation.DeadLetters, isSparse: true);
    private readonly Dictionary<TableId, SimulatedRoll> _tables = [];
    private bool _isWaiting;
    private bool _isDraining;
    private bool _hasEnded;

    /// <param name="remembered">Told how far each split has been read.</param>
    public SimulatedGraph(Simulation simulation, SimulatedWorker worker, long epoch, ImmutableArray<SplitStart> starts, Dictionary<SplitId, long> remembered)
    {
        _simulation = simulation;
        _worker = worker;
        _epoch = epoch;
        _starts = starts;
        _next = remembered;
        foreach (var start in starts)
        {
            _next[start.Split.Id] = start.From ?? 0;
            foreach (var (table, position) in start.Tables) RollOf(table).Positions.Start(start.Split.Id, position, start.From);
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
        foreach (var start in _starts) Read(_simulation.SplitOf(start.Split.Id), start);

        // Tables without rows move their positions only now and then.
        var closing = RollOrder.ToClose(_deadLetters, _tables.OrderBy(pair => pair.Key.ToString(), StringComparer.Ordinal).Select(pair => pair.Value),
            withIdle: _simulation.Random.NextDouble() < 0.2);
        if (_simulation.Mutation == Mutation.DeadLettersLast) closing = closing.Reverse();
        var stages = closing.Select(Stage).ToImmutableArray();
        if (stages.IsEmpty) return;

        if (_simulation.Mutation == Mutation.AcknowledgeBeforeCommit)
            foreach (var start in _starts) _simulation.Acknowledge(start.Split.Id, _next[start.Split.Id]);
        _isWaiting = true;
        _simulation.Soon(() => _worker.Apply(new WorkerEvent.RollClosed(_epoch, new Roll(stages))));
    }

    private void Read(SimulatedSplit split, SplitStart start)
    {
        var from = _next[split.Id];
        var to = Math.Min(split.Records, from + split.Group * _simulation.Random.Next(0, 5));
        if (to == from) return;

        for (var position = Math.Max(from, split.Acknowledged); position < to; position++)
        {
            var roll = RollOf(split.IsDead(position) ? _deadLetters.Table : TableId.Bronze(split.Id.Source, split.TableOf(position)));
            if (!RollPositions.Lacks(position, roll.Positions.SkipBelow(split.Id))) continue;
            roll.Written.Add(new SimulatedRow(roll.Table, split.Id, position));
            roll.Positions.Wrote(split.Id);
        }

        _next[split.Id] = to;
        foreach (var table in start.Tables.Keys) RollOf(table).Positions.Advance(split.Id, to);
    }

    private StageFiles Stage(SimulatedRoll roll)
    {
        ImmutableArray<StagedFile> files = roll.Written.Count == 0
            ? []
            : [new StagedFile(_simulation.WriteFile([.. roll.Written]), ImmutableDictionary<string, string?>.Empty, 100, DateTimeOffset.UnixEpoch, Stats: null)];
        var stage = new StageFiles(roll.Table, _simulation.NextGuid(), roll.Positions.Close(), files, roll.Rows, NewestEventAt: null, Schema: null);
        roll.Written.Clear();
        return stage;
    }

    private SimulatedRoll RollOf(TableId table)
    {
        if (table == _deadLetters.Table) return _deadLetters;
        if (!_tables.TryGetValue(table, out var roll)) _tables.Add(table, roll = new SimulatedRoll(table, isSparse: false));
        return roll;
    }

    /// <summary>What has been written for one table and not yet handed over: the product's positions, rows in place of files.</summary>
    private sealed class SimulatedRoll(TableId table, bool isSparse) : IRolledTable
    {
        public TableId Table => table;

        public RollPositions Positions { get; } = new(isSparse);

        public List<SimulatedRow> Written { get; } = [];

        public long Rows => Written.Count;

        public bool HasProgress => Positions.HasProgress;
    }
}
