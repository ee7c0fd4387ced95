using Pipeline.Core;
using Pipeline.Transform.Coordination;
using Pipeline.Transform.Coordination.Runners;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Coordination;

/// <summary>
/// Histories of a coordinator that moves and forgets, of nodes that are killed at any step of a job, and of messages that are
/// lost, late and told twice, decided by the product's own code. The table is a number that is compared and set.
/// </summary>
public sealed class RunnerSimulationSpec
{
    [Fact]
    public void Every_run_is_committed_once_and_in_order_in_every_history_and_every_table_comes_to_its_end()
    {
        var seeds = Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1" ? 20_000 : 300;
        var drawn = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var seed = 1; seed <= seeds; seed++)
        {
            var history = new History(seed);
            try
            {
                history.Run();
            }
            catch (Exception e)
            {
                Assert.Fail($"Seed {seed}: {e.Message}\n{string.Join("\n", history.Told.Where(told => !told.Contains("GetRunning", StringComparison.Ordinal) && !told.Contains("Answered", StringComparison.Ordinal) && !told.Contains("Kept", StringComparison.Ordinal)).TakeLast(120))}");
            }

            foreach (var (kind, count) in history.Drawn) drawn[kind] = drawn.GetValueOrDefault(kind) + count;
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"0 of {seeds} histories broken; {string.Join(", ", drawn.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key} {pair.Value}"))}");
        Assert.All(Kinds, kind => Assert.True(drawn.GetValueOrDefault(kind) >= 100, $"{kind} was drawn {drawn.GetValueOrDefault(kind)} times in {seeds} histories"));
    }

    private const string LostJournal = "a journal that is lost";
    private const string MovedCoordinator = "a coordinator that moves";
    private const string LostMessage = "a message that is lost";
    private const string RepeatedMessage = "a message that is told again";
    private const string OtherContract = "a contract that changes between a run's commits";

    /// <summary>A node may be killed before each commit of a run, and after the last.</summary>
    private static string KilledBefore(string phase) => $"killed before {phase}";

    private static readonly string[] Kinds = [LostJournal, MovedCoordinator, LostMessage, RepeatedMessage, OtherContract, .. ((string[])["table", "quarantine", "quality", "the end"]).Select(KilledBefore)];

    /// <summary>One history of three tables, a chain, on two or three nodes.</summary>
    private sealed class History(int seed)
    {
        private const int Steps = 400;

        private static readonly string[] Phases = ["expanded", "computed", "table", "quarantine", "quality"];

        private static readonly TransformOptions Options = new() { IntervalMin = TimeSpan.Zero, JobsMax = 2, Retry = new RetryPolicy { BackoffMin = TimeSpan.FromSeconds(1), BackoffMax = TimeSpan.FromSeconds(2), Jitter = 0 } };

        private readonly Random _random = new(seed);
        private readonly TableId _bronze = TableId.Bronze("app", "users");
        private readonly Dictionary<TableId, Table> _tables = new() { [TableId.Silver("users")] = new(), [TableId.Silver("orders")] = new(), [TableId.Gold("sales")] = new() };
        private readonly List<Node> _nodes = [];
        private readonly List<(Action Deliver, string What, bool IsLocal)> _network = [];
        private readonly List<MedallionEvent> _journal = [];
        private DateTimeOffset _now = DateTimeOffset.UnixEpoch;
        private MedallionState _state = null!;
        private int _coordinator;
        private int _contract;
        private int _planningContract;
        private int _names;
        private long _head = 1;
        private bool _isCalm;

        public List<string> Told { get; } = [];

        /// <summary>How often each kind of thing has happened.</summary>
        public Dictionary<string, int> Drawn { get; } = new(StringComparer.Ordinal);

        public void Run()
        {
            for (var i = 0; i < 2 + seed % 2; i++) AddNode();
            Elect(forgets: false);
            for (var step = 0; step < Steps; step++) Step();

            // Nothing fails any more: everything has to come to its end.
            if (_planningContract != _contract) Elect(forgets: false);
            foreach (var node in _nodes.Where(node => node.Contract != _contract).ToList()) Kill(node);
            _isCalm = true;
            if (_nodes.Count == 0) AddNode();
            for (var step = 0; step < 3_000 && !IsDone; step++) Step();
            Assert.True(IsDone, $"at the end tables are at {string.Join(", ", _tables.Select(t => $"{t.Key} {t.Value.Read}"))}, and not at {_head}");
        }

        private bool IsDone => _tables.Values.All(table => table.Read == _head && table.Parts == 0);

        private void Step()
        {
            _now += TimeSpan.FromMilliseconds(_random.Next(300));
            var dice = _random.Next(100);
            if (!_isCalm && dice < 5) Kill(_nodes[_random.Next(_nodes.Count)]);
            else if (!_isCalm && dice < 6) Elect(forgets: _random.Next(3) == 0);
            else if (!_isCalm && dice < 7 && _random.Next(2) == 0) Deploy();
            else if (!_isCalm && dice < 8)
            {
                Told.Add($"head {_head + 1}");
                Decide(new InputSeen(_bronze, ++_head, 1, _now));
            }

            else if (dice < 12 && _network.Count < 12) foreach (var node in _nodes.ToList()) Send(node, new GetRunningJobs());
            else if (dice < 14) Decide(RunnersWaitedFor.Instance);
            else if (dice < 35) Decide(Tick.Instance);
            else if (dice < 60) Work();
            else Deliver();
        }

        private void Deliver()
        {
            if (_network.Count == 0) return;
            // Messages overtake each other: more than the network does.
            var i = _random.Next(_network.Count);
            var (deliver, what, isLocal) = _network[i];
            if (_isCalm || isLocal || _random.Next(8) > 0) _network.RemoveAt(i);
            else Count(RepeatedMessage);
            if (!_isCalm && !isLocal && _random.Next(8) == 0)
            {
                Count(LostMessage);
                Told.Add($"lost: {what}");
                return;
            }

            Told.Add(what);
            deliver();
        }

        private void Count(string kind) => Drawn[kind] = Drawn.GetValueOrDefault(kind) + 1;

        private void AddNode() => _nodes.Add(new Node($"node-{++_names}") { Contract = _contract });

        /// <summary>Another contract comes with new nodes. One of the old may go on for a while, as may the coordinator.</summary>
        private void Deploy()
        {
            _contract++;
            Told.Add($"contract {_contract}");
            foreach (var node in _nodes.ToList()) if (_random.Next(4) > 0) Kill(node);
            if (_random.Next(4) > 0) Elect(forgets: false);
        }

        /// <summary>With what it ran, between two steps of it; it may be another that takes its place.</summary>
        private void Kill(Node node)
        {
            foreach (var phase in node.Phase.Values) Count(KilledBefore(phase < Phases.Length ? Phases[phase] : "the end"));
            Told.Add($"killed: {node.Name} with {string.Join(", ", node.Jobs.Running.Values.Select(pins => pins.Id))}");
            _nodes.Remove(node);
            var to = _coordinator;
            _network.Add((() =>
            {
                // Nothing of it comes after its end.
                _network.RemoveAll(message => message.What.StartsWith($"from {node.Name}:", StringComparison.Ordinal));
                DecideAs(to, new RunnerLost(node.Name));
            }, $"lost {node.Name}", true));
            AddNode();
        }

        /// <summary>Another coordinator, which has the journal, or has lost it and starts from the tables.</summary>
        private void Elect(bool forgets)
        {
            if (_coordinator++ > 0) Count(forgets ? LostJournal : MovedCoordinator);
            Told.Add(forgets ? "a coordinator without a journal" : "a coordinator");
            _planningContract = _contract;
            if (forgets) _journal.Clear();
            _state = MedallionState.Start(_tables.Keys.Select(table => (table, (IEnumerable<TableId>)[_bronze])), Options, _now);
            foreach (var happened in _journal) _state = _state.Apply(happened);
            Decide(new RunnersAsked([.. _nodes.Select(node => node.Name)]));
            Decide(new InputSeen(_bronze, _head, 1, _now));
            foreach (var node in _nodes) Send(node, new GetRunningJobs());
        }

        private void DecideAs(int coordinator, object message)
        {
            if (coordinator == _coordinator) Decide(message);
        }

        private void Decide(object message)
        {
            var decision = MedallionState.Decide(_state, message, _now);
            _state = decision.Events.Aggregate(decision.State, (state, happened) => state.Apply(happened));
            _journal.AddRange(decision.Events);
            Told.AddRange(decision.Events.Select(happened => $"  {happened.GetType().Name} {happened.Table}"));
            if (message is JobEnded { Pins: { } pins })
                foreach (var node in _nodes) Send(node, new JobEndKept(pins));
            foreach (var effect in decision.Effects) Perform(effect);
        }

        private void Perform(MedallionEffect effect)
        {
            var me = _coordinator;
            switch (effect)
            {
                case MedallionEffect.Plan plan:
                    _network.Add((() => DecideAs(me, new JobPlanned(plan.Table, PlanOf(plan.Table))), $"planned {plan.Table}", true));
                    break;
                case MedallionEffect.Run run when _nodes.Find(node => node.Name == run.Runner) is { } node:
                    Send(node, new RunJob(run.Pins));
                    break;
                case MedallionEffect.Cancel cancel when _nodes.Find(node => node.Name == cancel.Runner) is { } node:
                    Send(node, new CancelJob(cancel.Pins));
                    break;
            }
        }

        /// <summary>As the planner does: a run that was cut off comes back with its own pins.</summary>
        private JobPins? PlanOf(TableId id)
        {
            var table = _tables[id];
            return table.Unfinished ?? (table.Read == _head ? null : new JobPins
            {
                Table = id, Run = table.Run + 1, RequestedAt = _now, Inputs = [new PinnedInput(_bronze, table.Read, _head)], Targets = [], Statements = $"{_planningContract}",
            });
        }

        private void Send(Node node, object message)
        {
            var from = _coordinator;
            _network.Add((() =>
            {
                if (!_nodes.Contains(node)) return;
                node.Coordinator = from;
                Handle(node, message);
            }, $"to {node.Name}: {message}", false));
        }

        private void Handle(Node node, object message)
        {
            (node.Jobs, var effects) = NodeJobs.Decide(node.Jobs, message);
            foreach (var effect in effects)
            {
                if (effect is NodeJobsEffect.Start start) node.Phase[start.Pins.Table] = 0;
                if (effect is NodeJobsEffect.Interrupt interrupt) node.Phase.Remove(interrupt.Pins.Table);
                if (effect is not NodeJobsEffect.Tell tell) continue;
                var (to, answer) = (node.Coordinator, tell.Message is RunningJobs running ? new RunnerAnswered(node.Name, running.Jobs) : tell.Message);
                _network.Add((() => DecideAs(to, answer), $"from {node.Name}: {answer}", false));
            }
        }

        /// <summary>With the statements that the product's decision takes; false: planned with others than this node makes, and begun by nobody.</summary>
        private bool TryExpand(Node node, JobPins pins)
        {
            var (table, today) = (_tables[pins.Table], $"{node.Contract}");
            var source = StatementsChoice.Of(pins.Statements!, table.Kept.Contains(pins.Statements!), today, isBegun: pins.IsSame(table.Last));
            Assert.NotEqual(StatementsSource.Lost, source);
            if (source == StatementsSource.OfAnotherContract) return false;
            node.Statements[pins.Table] = source == StatementsSource.Kept ? pins.Statements! : today;
            table.Kept.Add(node.Statements[pins.Table]);
            if (table.Unfinished == pins && pins.Statements != today) Count(OtherContract);
            return true;
        }

        /// <summary>A job of some node takes its next step.</summary>
        private void Work()
        {
            var jobs = _nodes.SelectMany(node => node.Phase.Keys.Select(table => (Node: node, Table: table))).ToList();
            if (jobs.Count == 0) return;
            var (node, id) = jobs[_random.Next(jobs.Count)];
            var pins = node.Jobs.Running[id];
            var phase = node.Phase[id]++;
            if (phase < Phases.Length)
            {
                Told.Add($"{node.Name} {pins.Id}: {Phases[phase]}");
                if (phase == 0 ? TryExpand(node, pins) : phase < 2 || _tables[id].TryCommit(pins, phase - 2, node.Statements[id])) return;
                End(JobEnded.Failed(id, pins, new JobSupersededException(phase == 0 ? "other statements" : "another run was first")));
                return;
            }

            End(new JobEnded(id, pins, new JobResult(id, pins.Run, pins.Run, 1, null, TimeSpan.Zero), null));

            void End(JobEnded ended)
            {
                node.Phase.Remove(id);
                Handle(node, ended);
            }
        }
    }

    private sealed class Node(string name)
    {
        public string Name => name;

        /// <summary>The one that it was started with.</summary>
        public int Contract { get; init; }

        /// <summary>By which the job of a table is computed.</summary>
        public Dictionary<TableId, string> Statements { get; } = [];

        public NodeJobs Jobs { get; set; } = NodeJobs.None;

        /// <summary>How far the job of a table is.</summary>
        public Dictionary<TableId, int> Phase { get; } = [];

        public int Coordinator { get; set; }
    }

    /// <summary>A Silver table with its quarantine and its quality row: a run's first commit decides, the others follow once each.</summary>
    private sealed class Table
    {
        private const int All = 0b111;

        private string? _statements;

        public long Run { get; private set; }

        public long Read { get; private set; }

        /// <summary>Which commits of the unfinished run are there.</summary>
        public int Parts { get; private set; }

        public JobPins? Unfinished { get; private set; }

        /// <summary>The last run that has committed.</summary>
        public JobPins? Last { get; private set; }

        /// <summary>The statements that lie beside the table.</summary>
        public HashSet<string> Kept { get; } = [];

        public bool TryCommit(JobPins pins, int part, string statements)
        {
            if (part == 0 && pins.Run == Run + 1 && Parts == 0)
            {
                Assert.Equal(Read, pins.Inputs[0].After);
                (Run, Read, Parts, Unfinished, Last, _statements) = (pins.Run, pins.Inputs[0].Version, 1, pins, pins, statements);
                return true;
            }

            // Planned by two coordinators, of which one had lost its journal, a number stands for two runs.
            if (!pins.IsSame(Last)) return false;
            // By others a row of this run would be in no table, or in two.
            Assert.Equal(_statements, statements);
            if (Parts == 0) return true;
            Parts |= 1 << part;
            if (Parts == All) (Parts, Unfinished) = (0, null);
            return true;
        }
    }
}
