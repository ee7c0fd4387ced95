using Pipeline.Demo.Session;

namespace Pipeline.Demo.Tests.Session;

public sealed class TerminalDisplaySpec
{
    [Theory]
    [InlineData("up to date", "up to date")]
    [InlineData("retrying: Job run 00f0: it was killed\nThe service says: nothing\nIts log is at /logs", "retrying: Job run 00f0: it was killed")]
    [InlineData("retrying: 3456789 123456789 123456789 123456789 123456789 123456789 123456789", "retrying: 3456789 123456789 123456789 123456789 123456789 123456789 123…")]
    public void A_state_takes_a_few_lines_of_the_live_table_and_no_more(string state, string shown) => Assert.Equal(shown, TerminalDisplay.Brief(state));
}
