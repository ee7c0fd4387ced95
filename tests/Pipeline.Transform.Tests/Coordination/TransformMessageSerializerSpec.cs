using System.Collections.Immutable;
using System.Text;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Testing;
using Pipeline.Transform.Coordination;
using Pipeline.Transform.Coordination.Runners;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Coordination;

/// <summary>The bytes of messages and events, held in a golden file: other releases must be able to read them.</summary>
public sealed class TransformMessageSerializerSpec
{
    private static readonly DateTimeOffset At = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private static readonly TableId Users = TableId.Silver("users");

    private static readonly JobHandle Handle = new("spark", "4b1de7", "s-1");

    private static readonly JobPins Pins = new()
    {
        Table = Users, Run = 3, RequestedAt = At, ReflectsUntil = At.AddSeconds(-1), Rows = 500,
        Inputs = [new PinnedInput(TableId.Bronze("app", "users"), 4, 9), new PinnedInput(TableId.Silver("teams"), null, 2)],
        Targets = [new PinnedTarget(Users, 7), new PinnedTarget(TableId.Quarantine("users"), null)],
    };

    private static readonly RunQuality Quality = new(7, 1, 4, 2, 1, 1, 3, 0, ImmutableSortedDictionary<string, long>.Empty.Add("type:age", 2),
        ImmutableSortedDictionary<string, long>.Empty, 1, 0.75, 1, 0.5, 1);

    private static readonly object[] Messages =
    [
        new TableAdvanced(Users, 7, 100, At),
        new GetMedallionStatus(),
        new MedallionStatus([new TableStatus(Users, TableActivity.BackingOff, 3, 7, 100, At, TimeSpan.FromSeconds(1.5), At, 5, At, 2, "no space is left")]),
        new TriggerTable(Users), new LookAgain(), new PauseTable(Users), new ResumeTable(Users), new CancelTable(Users),
        new Accepted(Users), new UnknownTable(TableId.Silver("user"), [Users]),
        new JobRequested(Users, At, Pins),
        new JobSucceeded(Users, At, 3, 8, 101, TimeSpan.FromMilliseconds(250)),
        new JobFailed(Users, At, 3, "no space is left", IsFinal: false),
        new JobDropped(Users, At, 3, "run 3 is taken"),
        new JobTooLarge(Users, At, 3, 250, "the query needs more memory than it may use"),
        new TablePaused(Users, At), new TableResumed(Users, At),
        new MedallionSnapshot([new RememberedTable(Users, Pins, 2, 7, 100, At, TimeSpan.FromSeconds(1), At, IsPaused: true, RowsMax: 250)]),
        new GetRunningJobs(), new RunningJobs([Pins]), new RunJob(Pins), new CancelJob(Pins),
        new JobEnded(Users, Pins, new JobResult(Users, 3, 8, 101, Quality, TimeSpan.FromMilliseconds(250), IsBehind: true), null),
        new JobEndKept(Pins), new IntentKept(Pins, Handle),
    ];

    /// <summary>The same messages when a job's execution is known; releases that know of none read them without it.</summary>
    private static readonly object[] MessagesOfExecutions =
    [
        new JobRequested(Users, At, Pins, Handle),
        new MedallionSnapshot([new RememberedTable(Users, Pins, 2, 7, 100, At, TimeSpan.FromSeconds(1), At, IsPaused: true, RowsMax: 250, Handle)]),
        new RunningJobs([Pins]) { Submitted = [new SubmittedJob(Users, Handle)] },
        new RunJob(Pins) { Handle = Handle },
        new RunningJobs([Pins with { Engine = "emr" }]) { Submitted = [new SubmittedJob(Users, Handle) { IsAwaited = true }] },
    ];

    [Fact]
    public async Task Writes_every_message_in_its_known_form_and_reads_it_back()
    {
        var system = ActorSystem.Create("serializer", "akka.loglevel = OFF, akka.stdout-loglevel = OFF");
        var serializer = new TransformMessageSerializer((ExtendedActorSystem)system);
        var text = new StringBuilder();
        foreach (var message in Messages.Concat(MessagesOfExecutions))
        {
            var bytes = serializer.ToBinary(message);
            text.Append(serializer.Manifest(message)).Append(' ').AppendLine(Encoding.UTF8.GetString(bytes));
            Assert.Equal(bytes, serializer.ToBinary(serializer.FromBinary(bytes, serializer.Manifest(message))));
        }

        await system.Terminate();
        Assert.Equal(TransformMessageSerializer.Types.Count, Messages.Length);
        Golden.Verify("messages.txt", text.ToString().TrimEnd());
    }
}
