using System.Collections.Immutable;
using System.Text;
using Pipeline.Delta.Log;
using Pipeline.Testing;

namespace Pipeline.Delta.Tests.Log;

/// <summary>What we write is fixed to the byte: other engines read it for years. GOLDEN=update writes the file anew.</summary>
public sealed class CommitBytesSpec
{
    private static readonly DateTimeOffset At = new(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero);

    private static readonly DeltaAction[] Actions =
    [
        new CommitInfo(At, "WRITE", ActionReader.NoStrings.Add("mode", "Append").Add("by", "\"ingest\" <1>"), 6, IsBlindAppend: true,
            new Guid("11111111-2222-3333-4444-555555555555"), ActionReader.NoStrings.Add("numFiles", "1")) { ActionCount = 6 },
        ProtocolSupport.Own,
        new MetadataAction("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", Pipeline.Delta.Schemas.SchemaJson.Write(Parquet.AllTypes.Schema), ["day"],
            ActionReader.NoStrings.Add("delta.checkpointInterval", "10"), CreatedAt: At),
        new TxnAction("events/user_events/0", 9_000_000_000_000_000_000, At),
        new RemoveFile("day=2026-01-01/part-00000-a.c000.snappy.parquet", At, DataChange: true, ActionReader.NoValues.Add("day", "2026-01-01"), 17),
        new AddFile("dir ü/100%/part.parquet", ActionReader.NoValues.Add("day", null), 4711, At, DataChange: true,
            "{\"numRecords\":1,\"minValues\":{\"t\":\"ä\\\"\"}}", ImmutableDictionary<string, string>.Empty.Add("k", "v")),
    ];

    [Fact]
    public void A_commit_has_exactly_these_bytes() => Golden.VerifyBytes("commit.json", ActionWriter.Write(Actions).Span);

    [Fact]
    public void Actions_come_back_as_they_were_written()
    {
        var read = ActionReader.Read("commit", 7, ActionWriter.Write(Actions));

        Assert.Equal(Encoding.UTF8.GetString(ActionWriter.Write(Actions).Span), Encoding.UTF8.GetString(ActionWriter.Write(read).Span));
        Assert.Equal(Actions.Select(action => action.GetType()), read.Select(action => action.GetType()));
        Assert.Equal("dir ü/100%/part.parquet", Assert.Single(read.OfType<AddFile>()).Path);
        Assert.Equal(9_000_000_000_000_000_000, Assert.Single(read.OfType<TxnAction>()).Version);
    }

    [Fact]
    public void Unknown_actions_and_fields_are_passed_over()
    {
        var read = ActionReader.Read("commit", 7, """
            {"commitInfo":{"timestamp":1,"operation":"X","operationParameters":{"a":1,"b":null,"c":[1]},"unknown":{}}}
            {"cdc":{"path":"x"}}
            {"txn":{"appId":"a","version":3,"unknown":1}}

            {"somethingNew":{"x":{}}}
            """u8.ToArray());

        Assert.Equal([typeof(CommitInfo), typeof(TxnAction)], read.Select(action => action.GetType()));
    }
}
