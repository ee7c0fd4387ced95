using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Node.Composition;

namespace Pipeline.Node.Tests.Cli;

public sealed class LandedTablesSpec
{
    private static readonly TableId Users = TableId.Bronze("app", "users");

    private readonly FakeTimeProvider _time = new();
    private readonly LandedTables _landed;

    public LandedTablesSpec() => _landed = new LandedTables(_time);

    [Fact]
    public void A_table_has_landed_when_all_its_splits_were_looked_at_since_whoever_reads_them()
    {
        _time.Advance(TimeSpan.FromSeconds(10));
        _landed.Looked(Look("users/0", splits: 2, listed: 3, ageMs: 10_000));
        Assert.False(_landed.Has(Users));

        _landed.Looked(Look("users/1", splits: 1, listed: null, ageMs: null));

        Assert.True(_landed.Has(Users));
        // What has landed stays, while its reader is at something else.
        _landed.Looked(Look("users/1", splits: 0, listed: null, ageMs: null));
        Assert.True(_landed.Has(Users));
        // A split that nobody had found.
        _landed.Looked(Look("users/0", splits: 2, listed: 4, ageMs: 0));
        Assert.False(_landed.Has(Users));
    }

    [Theory]
    [InlineData(1, 1, 10_001)]
    [InlineData(0, 0, null)]
    [InlineData(1, null, 0)]
    [InlineData(0, 1, null)]
    public void Earlier_looks_and_unknown_splits_say_nothing(int splits, int? listed, int? ageMs)
    {
        _time.Advance(TimeSpan.FromSeconds(10));

        _landed.Looked(Look("users/0", splits, listed, ageMs));

        Assert.False(_landed.Has(Users));
    }

    private static BronzeLooked Look(string reader, int splits, int? listed, long? ageMs) => new(Users, reader, splits, listed, Version: 1, ageMs, Fault: null);
}
