using System.Collections.Immutable;
using System.Text;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Ingest.Committer;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests;

/// <summary>Nodes of two releases talk to each other: what is written may not change without a new manifest.</summary>
public sealed class IngestMessageSerializerSpec : IDisposable
{
    private static readonly Guid Id = Guid.Parse("0f8fad5b-d9cb-469f-a165-70867728950e");
    private static readonly DateTimeOffset At = new(2026, 3, 1, 12, 30, 0, TimeSpan.Zero);

    private static readonly TableId Users = TableId.Bronze("app", "users");
    private static readonly SplitId UsersSplit = new("app", "users");

    private static readonly object[] Messages =
    [
        new GetPositions(Users, 7, [UsersSplit], AtLeast: 40),
        new PositionsFound(Users, 7, 41, ImmutableDictionary<SplitId, long>.Empty.Add(UsersSplit, 1_000), ImmutableDictionary<SplitId, int>.Empty.Add(UsersSplit, 3)),
        new PositionsUnavailable(Users, 7, new Fault(FaultKind.StorageFull, "Bucket b", "it is full", "Make room.")),
        new StageFiles(Users, Id, [new StagedRange(UsersSplit, null, 1_000), new StagedRange(new SplitId("app", "more"), 5, 6, Epoch: 3)],
            [new StagedFile("_ingest_date=2026-03-01/part-0.parquet", ImmutableDictionary<string, string?>.Empty.Add("_ingest_date", "2026-03-01"), 4_096, At, "{\"numRecords\":3}") { Checksum = 0xFEDCBA98 }],
            3, At, [1, 2, 3], "7f1c0b5e-3a52-4e0c-9d0e-1d2f5b6a7c8d") { Letters = 2, Unused = 4, IsEnd = true },
        new StageReference(Users, Id, 1_234_567, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        new StageCommitted(Id, Users, 42, At),
        new StageRefused(Id, Users, ImmutableDictionary<SplitId, long>.Empty.Add(UsersSplit, 2_000), IsFinal: true),
        new StageFailed(Id, Users, new Fault(FaultKind.Gap, "Partition 3", "expired", "Accept it.", new SplitId("events", "e/3"))),
        new BronzeCommitted(TableId.Bronze("app", "users"), 42, 3, At, At),
        new BronzeLooked(Users, "users/0", 2, 3, 42, 1_500, new Fault(FaultKind.Gap, "Partition 3", "expired", "Accept it.", new SplitId("events", "e/3"))) { Backlog = new SplitBacklog(new SplitId("events", "e/3"), 100, 250) },
    ];

    private readonly ActorSystem _system = ActorSystem.Create("serializer");

    public void Dispose() => _system.Dispose();

    [Fact]
    public void What_crosses_nodes_is_as_the_golden_file_says()
    {
        var serializer = new IngestMessageSerializer((ExtendedActorSystem)_system);
        var written = string.Concat(Messages.Select(message => $"{serializer.Manifest(message)} {Encoding.UTF8.GetString(serializer.ToBinary(message))}\n"));

        Golden.Verify("messages.txt", written);
    }

    [Fact]
    public void A_defect_is_told_to_nodes_of_the_release_before_as_something_that_passes()
    {
        var serializer = new IngestMessageSerializer((ExtendedActorSystem)_system);
        var failed = new StageFailed(Id, Users, Fault.Of("Table bronze/app/users", new InvalidOperationException("no such index")));

        var written = serializer.ToBinary(failed);

        Assert.Contains("\"kind\":\"unreachable\"", Encoding.UTF8.GetString(written), StringComparison.Ordinal);
        Assert.Equal(failed, serializer.FromBinary(written, serializer.Manifest(failed)));
        Assert.Equal(FaultKind.Defect, failed.Fault.Kind);
    }

    [Fact]
    public void A_look_of_the_release_before_is_one_without_a_backlog()
    {
        var serializer = new IngestMessageSerializer((ExtendedActorSystem)_system);

        var read = serializer.FromBinary("""{"table":"bronze/app/users","reader":"users/0","splits":2,"listed":3,"version":42,"ageMs":1500}"""u8.ToArray(), "bronze-looked-1");

        Assert.Equal(new BronzeLooked(Users, "users/0", 2, 3, 42, 1_500, Fault: null), read);
    }

    [Fact]
    public void Every_message_is_read_as_it_was_written()
    {
        var serializer = new IngestMessageSerializer((ExtendedActorSystem)_system);

        foreach (var message in Messages)
        {
            var read = serializer.FromBinary(serializer.ToBinary(message), serializer.Manifest(message));

            Assert.Equivalent(message, read, strict: true);
        }

        Assert.Equal(IngestMessageSerializer.Types.Count, Messages.Length);
    }
}
