namespace Pipeline.Faults.Tests.Night;

/// <summary>The judge of a night is judged itself: each thing that it is to find, it finds.</summary>
public sealed class NightAccountSpec
{
    private const string Away = "2026-01-31 21:00:10Z WRN Lake s3://lake has been away for 10 s. Object s3://lake/a: it cannot be read: SlowDown. Wait. It is tried again.";
    private const string AwayStill = "2026-01-31 21:01:10Z WRN Lake s3://lake has been away for 1 min 10 s. Object s3://lake/b: it cannot be read: SlowDown. Wait. It is tried again.";
    private const string Back = "2026-01-31 21:01:12Z INF Lake s3://lake is back after 1 min 12 s.";
    private const string Halted = "2026-01-31 21:00:01Z ERR events/users/0 is halted: Topic users: it may not be read. Grant that. It is looked at again in 10 s, then less often.";
    private const string HaltedNoMore = "2026-01-31 21:01:01Z INF events/users/0 is halted no more. It was: it may not be read";
    private const string Stopped = "2026-01-31 21:00:01Z ERR Table silver/users: run 4 failed, and the table waits until that is mended: Object s3://lake/a: AccessDenied. Check the rights.";
    private const string StoppedAgain = "2026-01-31 21:00:11Z ERR Table silver/users: run 5 failed, and the table waits until that is mended: Object s3://lake/b: AccessDenied. Check the rights.";
    private const string TriedAgain = "2026-01-31 21:00:01Z ERR Table silver/users: run 4 failed, and is tried again: Table silver/users: run 4 has taken more than 40 s and was cancelled. Correct the SQL.";
    private const string GoesOn = "2026-01-31 21:01:01Z INF Table silver/users goes on: run 6 has ended well";

    [Fact]
    public void What_is_told_once_with_its_end_is_as_it_should_be()
    {
        var account = Read(Away, Halted, Stopped, AwayStill, GoesOn, Back, HaltedNoMore, Away, Back, TriedAgain, Stopped, GoesOn);

        Assert.Empty(account.Troubles);
        Assert.Empty(account.Open);
    }

    [Theory]
    [InlineData(Away, Away)]
    [InlineData(Halted, Halted)]
    [InlineData(Stopped, StoppedAgain)]
    [InlineData(TriedAgain, TriedAgain)]
    public void What_is_told_twice_is_a_trouble(string once, string twice) => Assert.StartsWith("told again", Assert.Single(Read(once, twice).Troubles), StringComparison.Ordinal);

    [Theory]
    [InlineData(Halted, Halted, HaltedNoMore)]
    [InlineData(Stopped, StoppedAgain, GoesOn)]
    public void What_has_not_got_over_an_outage_may_be_told_again_in_the_next(string once, string again, string end)
    {
        var account = Read(once);
        account.BeginOutage();
        account.Read(again);
        account.Read(end);

        Assert.Empty(account.Troubles);
        Assert.Empty(account.Open);
    }

    [Theory]
    [InlineData(Back)]
    [InlineData(HaltedNoMore)]
    [InlineData(GoesOn)]
    public void The_end_of_what_was_not_told_is_a_trouble(string end) => Assert.StartsWith("the end of what was not told", Assert.Single(Read(end).Troubles), StringComparison.Ordinal);

    [Theory]
    [InlineData(Away, HaltedNoMore)]
    [InlineData(Halted, Back)]
    [InlineData(Stopped, Back)]
    [InlineData(TriedAgain, Back)]
    public void What_has_another_end_stays_open(string begun, string end) => Assert.Equal([begun], Read(begun, end).Open);

    [Theory]
    [InlineData("2026-01-31 21:00:01Z ERR Table silver/users: run 4 failed: Table silver/users: an error that should not happen: Oops (IOException). Report it.")]
    [InlineData("2026-01-31 21:00:01Z WRN Object a.parquet: it cannot be read: N7parquet22ParquetStatusExceptionE (message: 'Invalid: no footer').")]
    [InlineData("   at Akka.Actor.ActorCell.Invoke(Envelope envelope)")]
    public void What_nobody_can_do_anything_with_is_a_trouble(string line) => Assert.Single(Read(line).Troubles);

    private static NightAccount Read(params string[] lines)
    {
        var account = new NightAccount();
        foreach (var line in lines) account.Read(line);
        return account;
    }
}
