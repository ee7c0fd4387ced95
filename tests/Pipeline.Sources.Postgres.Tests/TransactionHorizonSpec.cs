using Pipeline.Sources.Postgres.Reading.Watermark;

namespace Pipeline.Sources.Postgres.Tests;

public sealed class TransactionHorizonSpec
{
    private static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan CommitLag = TimeSpan.FromSeconds(1);

    [Fact]
    public void Stays_behind_the_clock_when_nothing_is_open() =>
        Assert.Equal(Noon - CommitLag, new TransactionHorizon(CommitLag, null).Observe(At(Noon)));

    [Fact]
    public void Stays_at_the_start_of_the_oldest_open_transaction() =>
        Assert.Equal(Noon.AddHours(-1), new TransactionHorizon(CommitLag, null).Observe(At(Noon, oldest: Noon.AddHours(-1))));

    [Fact]
    public void Ignores_a_transaction_younger_than_the_margin() =>
        Assert.Equal(Noon - CommitLag, new TransactionHorizon(CommitLag, null).Observe(At(Noon, oldest: Noon)));

    [Fact]
    public void Holds_before_a_transaction_that_was_prepared_between_two_observations()
    {
        var horizon = new TransactionHorizon(CommitLag, null);
        var before = horizon.Observe(At(Noon));

        Assert.Equal(before, horizon.Observe(At(Noon.AddMinutes(1), prepared: "p")));
        Assert.Equal(before, horizon.Observe(At(Noon.AddMinutes(2), prepared: "p")));
        Assert.Equal(Noon.AddMinutes(3) - CommitLag, horizon.Observe(At(Noon.AddMinutes(3))));
    }

    [Fact]
    public void Holds_at_the_start_of_an_open_transaction_that_was_then_prepared()
    {
        var horizon = new TransactionHorizon(CommitLag, null);
        horizon.Observe(At(Noon, oldest: Noon.AddHours(-2)));

        Assert.Equal(Noon.AddHours(-2), horizon.Observe(At(Noon.AddMinutes(1), prepared: "p")));
    }

    [Fact]
    public void Knows_no_horizon_while_a_transaction_is_prepared_that_was_so_from_the_start()
    {
        var horizon = new TransactionHorizon(CommitLag, null);

        Assert.Null(horizon.Observe(At(Noon, prepared: "p")));
        Assert.Null(horizon.Observe(At(Noon.AddDays(1), prepared: "p")));
        Assert.Equal(Noon.AddDays(2) - CommitLag, horizon.Observe(At(Noon.AddDays(2))));
    }

    [Fact]
    public void Trusts_after_a_restart_what_its_predecessor_had_read_up_to() =>
        Assert.Equal(Noon.AddHours(-1), new TransactionHorizon(CommitLag, Noon.AddHours(-1)).Observe(At(Noon, prepared: "p")));

    private static TransactionObservation At(DateTimeOffset clock, DateTimeOffset? oldest = null, params string[] prepared) => new(clock, oldest, prepared);
}
