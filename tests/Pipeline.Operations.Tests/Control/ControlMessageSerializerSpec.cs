using System.Collections.Immutable;
using System.Text;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Operations.Control;
using Pipeline.Testing;
using Pipeline.Transform.Jobs;

namespace Pipeline.Operations.Tests.Control;

/// <summary>The bytes of messages, held in a golden file: nodes of other releases must be able to read them.</summary>
public sealed class ControlMessageSerializerSpec
{
    private static readonly DateTimeOffset At = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly TableId Users = TableId.Bronze("app", "users");
    private static readonly NodeFacts Facts = new("10.0.0.5:4053", "4b1de7", "1.0.0", At, ["ingest"], "fe12") { Tables = 1 };
    private static readonly UnlikeTable Unlike = new(Users, ["10.0.0.6:4053"], "10.0.0.5:4053", UnlikeReason.Otherwise);
    private static readonly Wish Said = new("a1", WishKind.Paused, ControlTarget.Source("app"), Holds: true, Value: null, "anna", At, "the bucket burns");

    private static readonly TableReport Report = new(Users, WorkState.Halted, At, 7, 100, 12.5, Pending: 0)
    {
        LastAt = At, ReflectsUntil = At, Fault = new ReportedFault(FaultKind.Gap, "Topic users", "records are gone", "Accept it."), Workers = [new WorkerLine(0, WorkState.Halted, 3)],
    };

    private static readonly TableReport Run = new(TableId.Silver("users"), WorkState.Running, At, 7, 100, RowsPerSecond: null, Pending: 5)
    {
        Run = 11, Runner = "10.0.0.5:4053", FailedBefore = new FailedBefore(2, At),
        Running = new JobPins { Table = TableId.Silver("users"), Run = 12, RequestedAt = At, Inputs = [new PinnedInput(Users, 3, 7) { Id = "1f" }], Targets = [new PinnedTarget(TableId.Silver("users"), 7)], Rows = 5, FailedBefore = new FailedBefore(2, At) },
    };

    private static readonly DesiredWork Desired = new("s1", 4, [Users], ["crm"], ["10.0.0.6:4053"], [TableId.Gold("dim_date")], [Said]) { Unlike = [Unlike], Compared = ["10.0.0.5:4053"] };

    private static readonly Trouble Away = new(FaultKind.Unreachable, "Lake s3://b", "it does not answer", "See it.", At);

    private static readonly object[] Messages =
    [
        new NodeReport(Facts, Desired, IsHeld: false, 4096, [Report, Run], [TableId.Silver("teams")]) { Away = ["Lake s3://b"], Troubles = [Away], Knows = [new KnownTable(Users, "4b1d")] },
        Desired,
        new RestartWork("o1", ControlTarget.Node("10.0.0.5:4053"), At),
        new LeaveWork("o1", "10.0.0.5:4053", At),
        new LogLevelWork("o1", "10.0.0.5:4053", "debug Pipeline.Ingest 600000ms", At),
        new LookAgainAt(Users), new ControlRecorded(), new TakeUnrecorded(Said),
        new RestartUnrecorded(new Order("o1", 0, OrderKind.Restart, ControlTarget.Of(Users), Aim: null, Value: null, "anna", At, "it hangs")),
        new UnrecordedTaken("a1"), new GetPipeline(Users),
        new PipelinePage(At, [new NodeLine(Facts, At, 4, IsHeld: false, 4096, ["Lake s3://b"]) { Troubles = [Away] }],
            [new TableLine(Report, ImmutableDictionary<string, ImmutableArray<WorkerLine>>.Empty.Add("10.0.0.5:4053", Report.Workers))], Users, At, ["a1"]) { Wishes = [Said], Unlike = [Unlike], Silent = [new SilentNode("10.0.0.7:4053", PlacesWork: true)] },
    ];

    [Fact]
    public async Task Writes_every_message_in_its_known_form_and_reads_it_back()
    {
        var system = ActorSystem.Create("serializer", "akka.loglevel = OFF, akka.stdout-loglevel = OFF");
        var serializer = new ControlMessageSerializer((ExtendedActorSystem)system);
        var text = new StringBuilder();
        foreach (var message in Messages)
        {
            var bytes = serializer.ToBinary(message);
            text.Append(serializer.Manifest(message)).Append(' ').AppendLine(Encoding.UTF8.GetString(bytes));
            Assert.Equal(bytes, serializer.ToBinary(serializer.FromBinary(bytes, serializer.Manifest(message))));
        }

        await system.Terminate();
        Assert.Equal(ControlMessageSerializer.Types.Count, Messages.Length);
        Golden.Verify("messages.txt", text.ToString().TrimEnd());
    }
}
