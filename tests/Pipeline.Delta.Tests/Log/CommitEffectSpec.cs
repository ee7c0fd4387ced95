using System.Collections.Immutable;
using Pipeline.Delta.Log;
using Pipeline.Delta.Tests.Storage;

namespace Pipeline.Delta.Tests.Log;

/// <summary>What a commit says and does, action by action.</summary>
public sealed class CommitEffectSpec
{
    private static readonly AddFile Added = new("a", TestTables.NoPartitions, Size: 1, DateTimeOffset.UnixEpoch, DataChange: true, Stats: null);
    private static readonly RemoveFile Removed = new("b", DateTimeOffset.UnixEpoch, DataChange: true);
    private static readonly TxnAction Moved = new("s", 1);

    [Fact]
    public void Rows_come_and_go_with_files_that_change_data_only()
    {
        Assert.Equal((true, false), Rows(Added, Moved));
        Assert.Equal((false, true), Rows(Removed, Moved));
        Assert.Equal((false, false), Rows(Added with { DataChange = false }, Removed with { DataChange = false }));
        Assert.Equal((false, false), Rows(Moved));
    }

    [Fact]
    public void Protocol_and_metadata_are_changed_by_their_own_actions()
    {
        var metadata = new MetadataAction("id", "{}", [], ImmutableDictionary<string, string>.Empty);

        Assert.True(CommitEffect.Of([Moved, new ProtocolAction(1, 2)]).ChangesProtocol);
        Assert.False(CommitEffect.Of([Moved, metadata]).ChangesProtocol);
        Assert.Equal("new", CommitEffect.Of([metadata, metadata with { Id = "new" }]).Metadata!.Id);
        Assert.Null(CommitEffect.Of([Moved]).Metadata);
    }

    [Fact]
    public void The_newest_effects_are_kept_and_no_more()
    {
        const int kept = 512;
        var effects = new CommitEffects();

        for (var version = 0; version <= kept; version++) effects.Add(version, [Moved]);

        Assert.Null(effects.Find(0));
        Assert.NotNull(effects.Find(1));
        Assert.NotNull(effects.Find(kept));
    }

    [Theory]
    [InlineData(-5, 1)]
    [InlineData(0, 1)]
    [InlineData(7, 7)]
    public async Task Times_go_forward_with_versions_whatever_the_clock_says(int clockMilliseconds, int writtenMilliseconds)
    {
        var snapshot = (await TestTables.OpenAsync(new MemoryStore())).Current;

        var actions = TransactionActions.Build("t", new Transaction("WRITE", Isolation.BlindAppend), snapshot, Guid.NewGuid(), snapshot.CommittedAt.AddMilliseconds(clockMilliseconds));

        Assert.Equal(snapshot.CommittedAt.AddMilliseconds(writtenMilliseconds), Assert.IsType<CommitInfo>(Assert.Single(actions)).Timestamp);
    }

    [Theory]
    [InlineData(Isolation.BlindAppend, true)]
    [InlineData(Isolation.ReadTable, false)]
    [InlineData(Isolation.Rearrange, false)]
    public async Task Says_whether_it_has_read_anything(Isolation isolation, bool isBlindAppend)
    {
        var snapshot = (await TestTables.OpenAsync(new MemoryStore())).Current;

        var actions = TransactionActions.Build("t", new Transaction("WRITE", isolation), snapshot, Guid.NewGuid(), snapshot.CommittedAt);

        Assert.Equal(isBlindAppend, ((CommitInfo)actions[0]).IsBlindAppend);
    }

    private static (bool Adds, bool Removes) Rows(params DeltaAction[] actions)
    {
        var effect = CommitEffect.Of(actions);
        return (effect.AddsRows, effect.RemovesRows);
    }
}
