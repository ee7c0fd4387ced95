using System.Text.RegularExpressions;
using Pipeline.Benchmarks;

namespace Pipeline.Node.Tests.Benchmarks;

public sealed class GoalSpec
{
    [Theory]
    [InlineData(0.90, "kafka-wall: 0.90 (goal at least 0.90) met")]
    [InlineData(1.234, "kafka-wall: 1.23 (goal at least 0.90) met")]
    [InlineData(0.8999, "kafka-wall: 0.89 (goal at least 0.90) missed")]
    [InlineData(0, "kafka-wall: 0.00 (goal at least 0.90) missed")]
    public void A_floor_is_kept_from_its_value_on(double ratio, string line) => Assert.Equal(line, Goal.AtLeast("kafka-wall", 0.90).Judge(ratio).Line);

    [Theory]
    [InlineData(1.10, "delta-append: 1.10 (goal at most 1.10) met")]
    [InlineData(0.951, "delta-append: 0.96 (goal at most 1.10) met")]
    [InlineData(1.1001, "delta-append: 1.11 (goal at most 1.10) missed")]
    public void A_ceiling_is_kept_up_to_its_value(double ratio, string line) => Assert.Equal(line, Goal.AtMost("delta-append", 1.10).Judge(ratio).Line);

    [Fact]
    public void A_ratio_that_is_no_number_keeps_nothing()
    {
        Assert.False(Goal.AtLeast("a", 0.90).Judge(double.NaN).IsMet);
        Assert.False(Goal.AtMost("a", 1.10).Judge(double.NaN).IsMet);
    }

    [Theory]
    [InlineData(0.5), InlineData(0.9), InlineData(1.0), InlineData(1.1), InlineData(2.0)]
    public void The_word_and_the_verdict_agree(double ratio)
    {
        foreach (var verdict in (Verdict[])[Goal.AtLeast("a", 0.90).Judge(ratio), Goal.AtMost("b", 1.10).Judge(ratio)])
        {
            Assert.Matches(new Regex("^[a-z-]+: [0-9.]+ \\(goal at (?:least|most) [0-9.]+\\) (?:met|missed)$", RegexOptions.NonBacktracking), verdict.Line);
            Assert.Equal(verdict.IsMet, verdict.Line.EndsWith(" met", StringComparison.Ordinal));
        }
    }
}
