using CsCheck;
using Pipeline.Transform.Coordination;

namespace Pipeline.Transform.Tests.Coordination;

public sealed class RunSizeSpec
{
    private const long Configured = 250_000;

    [Fact]
    public void Halves_the_rows_of_the_run_that_did_not_fit_not_those_it_might_have_read()
    {
        Assert.Equal(400, RunSize.Smaller(rows: 800, rowsMax: Configured));
        Assert.Equal(400, RunSize.Smaller(rows: 800, rowsMax: 800));
    }

    [Theory]
    [InlineData(null, Configured)]
    [InlineData(1L, Configured)]
    [InlineData(5_001L, 5_000L)]
    public void Gives_up_where_fewer_rows_cannot_be_read(long? rows, long rowsMax)
    {
        Assert.Null(RunSize.Smaller(rows, rowsMax));
    }

    [Fact]
    public void Grows_back_to_what_is_configured_within_fifty_runs()
    {
        long? rowsMax = 1_000;
        var runs = 0;
        for (; rowsMax is not null; runs++) rowsMax = RunSize.Larger(rowsMax, Configured);

        Assert.InRange(runs, 40, 50);
        Assert.Null(RunSize.Larger(null, Configured));
    }

    [Fact]
    public void Has_grown_back_with_the_run_that_reaches_what_is_configured()
    {
        Assert.Equal(10, RunSize.Larger(8, configured: 11));
        Assert.Null(RunSize.Larger(8, configured: 10));
    }

    [Fact]
    public void Whatever_fits_as_single_commits_is_read_to_its_end_and_few_runs_are_in_vain()
    {
        Gen.Select(Gen.Int[1, 20_000].Array[1, 60], Gen.Long[1, 300_000]).Sample((commits, slack) =>
        {
            var fits = Math.Max(commits.Max(), slack);

            var (read, runs, vain, isStopped) = Run(commits, fits);

            Assert.False(isStopped);
            Assert.Equal(commits.Length, read);
            // Halving from the most that one run may read, and again after each eight runs of growth.
            Assert.InRange(vain, 0, 18 + runs / 4);
        });
    }

    [Fact]
    public void A_commit_that_does_not_fit_stops_the_table_after_a_bounded_number_of_runs()
    {
        Gen.Select(Gen.Int[1, 20_000].Array[1, 60], Gen.Long[0, 19_999]).Where((commits, fits) => commits.Max() > fits).Sample((commits, fits) =>
        {
            var (read, runs, vain, isStopped) = Run(commits, fits);

            Assert.True(isStopped);
            Assert.True(commits[read] > fits);
            Assert.All(commits[..read], rows => Assert.InRange(rows, 0, fits));
            Assert.InRange(vain, 1, 36 + runs / 4);
        });
    }

    /// <summary>Reads commits of so many rows with a memory that holds some number of rows, as planner and coordinator do together.</summary>
    private static (int Read, int Succeeded, int Vain, bool IsStopped) Run(int[] commits, long fits)
    {
        var (read, succeeded, vain) = (0, 0, 0);
        for (long? rowsMax = null; read < commits.Length;)
        {
            long rows = commits[read];
            var end = read + 1;
            while (end < commits.Length && rows + commits[end] <= (rowsMax ?? Configured)) rows += commits[end++];
            if (rows <= fits)
            {
                (read, succeeded) = (end, succeeded + 1);
                rowsMax = RunSize.Larger(rowsMax, Configured);
                continue;
            }

            vain++;
            if (RunSize.Smaller(rows, rowsMax ?? Configured) is not { } smaller) return (read, succeeded, vain, true);
            rowsMax = smaller;
        }

        return (read, succeeded, vain, false);
    }
}
