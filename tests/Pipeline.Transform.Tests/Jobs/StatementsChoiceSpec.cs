using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Jobs;

public sealed class StatementsChoiceSpec
{
    [Theory]
    [InlineData(true, null, false, nameof(StatementsSource.Kept))]
    [InlineData(true, "other", true, nameof(StatementsSource.Kept))]
    [InlineData(false, "planned", false, nameof(StatementsSource.OfToday))]
    [InlineData(false, "planned", true, nameof(StatementsSource.OfToday))]
    [InlineData(false, "other", false, nameof(StatementsSource.OfAnotherContract))]
    [InlineData(false, "other", true, nameof(StatementsSource.Lost))]
    public void A_run_is_finished_by_the_statements_that_it_was_planned_with_or_not_at_all(bool isKept, string? today, bool isBegun, string source) =>
        Assert.Equal(source, StatementsChoice.Of("planned", isKept, today, isBegun).ToString());
}
