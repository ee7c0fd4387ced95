using Pipeline.Ingest.DeadLetters;

namespace Pipeline.Ingest.Tests.DeadLetters;

public sealed class LetterSelectionSpec
{
    [Theory]
    [InlineData(null, null, null, true)]
    [InlineData("too_large", null, null, true)]
    [InlineData("invalid_utf8", null, null, false)]
    [InlineData(null, "events/clicks/10", null, true)]
    [InlineData(null, "clicks/10", null, true)]
    [InlineData(null, "10", null, true)]
    [InlineData(null, "0", null, false)]
    [InlineData(null, "licks/10", null, false)]
    [InlineData(null, "events/clicks", null, false)]
    [InlineData(null, null, 7L, true)]
    [InlineData(null, null, 8L, false)]
    [InlineData("too_large", "10", 7L, true)]
    [InlineData("invalid_utf8", "10", 7L, false)]
    [InlineData("too_large", "11", 7L, false)]
    [InlineData("too_large", "10", 8L, false)]
    [InlineData(null, null, 7L, true, 1)]
    [InlineData(null, null, 7L, false, 0)]
    public void A_letter_is_meant_by_all_that_is_said_and_a_split_by_its_name_or_the_end_of_it(string? code, string? split, long? position, bool isMeant, int? epoch = null) =>
        Assert.Equal(isMeant, new LetterSelection(code, split, position, epoch).Includes("too_large", "events/clicks/10", position: 7, epoch: 1));
}
