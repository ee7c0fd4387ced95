namespace Pipeline.Core.Tests;

/// <summary>Where a split is read from, and where each of its tables stands.</summary>
public sealed class SplitPositionSpec
{
    private static readonly SplitId Slot = new("app", "slot");

    [Fact]
    public void A_split_of_one_table_stands_at_its_position_with_its_marks()
    {
        Assert.Equal([(7L, new SplitMarks(Note: 1))], new SplitPosition(Slot, 7) { Marks = new SplitMarks(Note: 1) }.Places);
        Assert.Empty(new SplitPosition(Slot, null).Places);
    }

    [Fact]
    public void Each_table_of_a_split_stands_where_it_is_with_its_own_marks_and_one_without_a_place_nowhere()
    {
        var position = new SplitPosition(Slot, 7)
        {
            Marks = new SplitMarks(Note: 1),
            Tables = new Dictionary<string, long?>(StringComparer.Ordinal) { ["behind"] = 7, ["ahead"] = 9, ["new"] = null, ["bare"] = 8 },
            TableMarks = new Dictionary<string, SplitMarks>(StringComparer.Ordinal) { ["behind"] = new SplitMarks(Note: 1), ["ahead"] = new SplitMarks(Note: 2, Last: 5) },
        };

        Assert.Equal([(7L, new SplitMarks(Note: 1)), (9, new SplitMarks(Note: 2, Last: 5)), (8, default)], position.Places);
        Assert.Equal([(7L, new SplitMarks(Note: 1))], (position with { TableMarks = null }).Places);
    }
}
