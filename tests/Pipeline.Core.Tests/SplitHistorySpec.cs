namespace Pipeline.Core.Tests;

/// <summary>What tables remember of the histories of their splits: names and values that every later release reads.</summary>
public sealed class SplitHistorySpec
{
    private static readonly SplitId Split = new("events", "user_events@Kd3x/0");

    [Theory]
    [InlineData(0, "events/user_events@Kd3x/0")]
    [InlineData(1, "events/user_events@Kd3x/0#1")]
    [InlineData(12, "events/user_events@Kd3x/0#12")]
    public void A_split_has_its_own_name_in_the_first_epoch_and_one_with_the_number_after(int epoch, string appId)
    {
        Assert.Equal(appId, SplitHistory.AppIdOf(Split, epoch));
        Assert.Equal((Split, epoch), SplitHistory.ParseAppId(appId));
    }

    [Theory]
    [InlineData("events/a#b", "events/a#b")]
    [InlineData("events/a#0", "events/a#0")]
    [InlineData("events/a#-1", "events/a#-1")]
    public void What_is_no_number_of_an_epoch_belongs_to_the_name(string appId, string split) =>
        Assert.Equal((SplitId.Parse(split), 0), SplitHistory.ParseAppId(appId));

    [Fact]
    public void A_history_is_written_as_every_release_reads_it()
    {
        Assert.Equal("pipeline.split.events/user_events@Kd3x/0", SplitHistory.KeyOf(Split));
        Assert.Equal("""{"epoch":0,"identity":"user_events@Kd3x"}""", new SplitHistory(0, "user_events@Kd3x").Write());
        Assert.Equal("""{"epoch":2,"identity":"cdc/7123","snapshot":true}""", new SplitHistory(2, "cdc/7123", IsSnapshot: true).Write());
    }

    [Fact]
    public void A_history_whose_rows_are_of_the_order_of_an_earlier_one_is_read_again_and_not_by_who_knows_of_no_such_order()
    {
        var again = new SplitHistory(3, "user_events@Kd3x", IsSnapshot: false) { Order = 0 };

        var written = again.Write();

        // A release that knows of no order takes rows for those of the epoch: it finds one that none has, and refuses the table.
        Assert.Equal("""{"epoch":-1,"identity":"user_events@Kd3x","order":0,"reading":3}""", written);
        Assert.Equal(again, SplitHistory.Read("key", written));
        Assert.Equal((new RowEpoch(0, 3), new RowEpoch(3)), (again.Rows, (again with { Order = null }).Rows));
        Assert.Equal((3, 3), (again.Rows.Read, new RowEpoch(3).Read));
    }

    [Theory]
    [InlineData(0, "events/user_events@Kd3x/0")]
    [InlineData(3, "events/user_events@Kd3x/0#3")]
    public void What_goes_with_a_position_has_names_that_every_release_reads(int epoch, string appId)
    {
        Assert.Equal([($"pipeline.order-time/{appId}", 5L), ($"pipeline.note/{appId}", 1), ($"pipeline.last/{appId}", 39)], SplitHistory.MarksOf(Split, epoch, new SplitMarks(OrderTime: 5, Note: 1, Last: 39)));
        Assert.Empty(SplitHistory.MarksOf(Split, epoch, default));
    }

    [Fact]
    public void Histories_are_read_from_among_other_properties_with_what_later_releases_may_add()
    {
        var histories = SplitHistories.Of(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["delta.checkpointInterval"] = "50",
            [SplitHistory.KeyOf(Split)] = """{"epoch":0,"identity":"user_events@Kd3x"}""",
            ["pipeline.split.events/user_events@Lm01/0"] = """{"epoch":3,"identity":"user_events@Lm01","snapshot":true,"later":[1]}""",
        });

        Assert.Equal(new SplitHistory(3, "user_events@Lm01", IsSnapshot: true), histories.Newest);
        Assert.Equal((0, 3, 0), (histories.EpochOf(Split), histories.EpochOf(new SplitId("events", "user_events@Lm01/0")), histories.EpochOf(new SplitId("events", "other"))));
        Assert.Null(SplitHistories.None.Newest);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("7")]
    [InlineData("""{"epoch":-1,"identity":"a"}""")]
    [InlineData("""{"epoch":1}""")]
    [InlineData("""{"epoch":-1,"identity":"a","order":1}""")]
    [InlineData("""{"epoch":-1,"identity":"a","reading":1}""")]
    [InlineData("""{"epoch":2,"identity":"a","reading":2}""")]
    [InlineData("""{"epoch":2,"identity":"a","order":1}""")]
    [InlineData("""{"epoch":-1,"identity":"a","order":1,"reading":1}""")]
    [InlineData("""{"epoch":-1,"identity":"a","order":-1,"reading":1}""")]
    public void A_property_that_says_something_else_is_an_error_with_its_name(string value)
    {
        var error = Assert.Throws<PipelineException>(() => SplitHistories.Of(new Dictionary<string, string>(StringComparer.Ordinal) { [SplitHistory.KeyOf(Split)] = value }));

        Assert.Equal((FaultKind.Damaged, "Table property pipeline.split.events/user_events@Kd3x/0"), (error.Kind, error.Thing));
    }
}
