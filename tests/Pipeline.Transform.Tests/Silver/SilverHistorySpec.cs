using Apache.Arrow;
using CsCheck;

namespace Pipeline.Transform.Tests.Silver;

/// <summary>
/// Whatever a Bronze history looks like (duplicates, late rows, deletes, truncates, dirt, parents that come later) and however it is
/// cut into runs, Silver is what a plain model in C# says.
/// </summary>
public sealed class SilverHistorySpec
{
    private const string Contracts = """
        teams { from = bronze/app/teams, columns { team_id { type = long } }, key = [team_id] }
        users {
          from = bronze/app/users
          columns { user_id { type = long }, email { type = string, required = true }, team_id { type = long } }
          key = [user_id]
          rules = [ { name = email_valid, check = "regexp_like(email, '@')" } ]
          references = [ { name = team_exists, column = team_id, table = silver/teams } ]
        }
        """;

    private static readonly IReadOnlyList<Field> Users = TestLake.BronzeColumns("user_id long", "email string", "team_id long", "_changed string");
    private static readonly IReadOnlyList<Field> Teams = TestLake.BronzeColumns("team_id long");

    private static readonly string?[] Emails = ["a@x", "a@x", "b@x", "b@x", "c@x", "c@x", "dirt", null];

    private static readonly Gen<User> GenUser =
        from id in Gen.Int[1, 5]
        from position in Gen.Int[0, 12].Select(i => 2 * i)
        from isDelete in Gen.Frequency((4, Gen.Const(false)), (1, Gen.Const(true)))
        from email in Gen.Int[0, Emails.Length - 1].Select(i => Emails[i])
        from team in Gen.Int[0, 3].Select(i => i == 0 ? (long?)null : i)
        select isDelete ? new User(id, null, null, "d", position) : new User(id, email, team, "u", position);

    /// <summary>At a position of its own: what a transaction did before it truncated does not come later.</summary>
    private static readonly Gen<User[]> GenTruncates =
        Gen.Frequency((3, Gen.Const(System.Array.Empty<User>())), (1, Gen.Int[0, 12].Select(i => new[] { new User(null, null, null, "t", 2 * i + 1) })));

    /// <summary>Appends of users and teams, each followed by a run of some tables or none.</summary>
    private static readonly Gen<Step[]> GenHistory =
        (from users in GenUser.Array[0, 8]
         from truncates in GenTruncates
         from teams in Gen.Int[1, 3].Array[0, 2]
         from runs in Gen.Bool
         select new Step([.. users, .. truncates], teams, runs)).Array[1, 5];

    [Fact]
    public async Task Is_the_same_however_the_history_is_cut_into_runs()
    {
        await GenHistory.SampleAsync(CheckAsync, iter: 6, threads: 1);
    }

    private static async Task CheckAsync(Step[] history)
    {
        using var lake = new TestLake(TestGraph.Of(Contracts));
        foreach (var step in history)
        {
            if (step.Users.Length > 0)
                await lake.AppendAsync("bronze/app/users", Users, Values(step.Users.Select(user => user.ToSql()), "user_id, email, team_id, _op, _position, _changed"));
            if (step.Teams.Length > 0)
                await lake.AppendAsync("bronze/app/teams", Teams, Values(step.Teams.Select(team => $"({team}, 'r', {team})"), "team_id, _op, _position"));
            if (step.Runs) await lake.RunAllAsync();
        }

        await lake.RunAllAsync();

        var model = Model.Of([.. history.SelectMany(step => step.Users)], [.. history.SelectMany(step => step.Teams).Select(team => (long)team)]);
        if (history.All(step => step.Users.Length == 0)) return;
        Assert.Equal(model.Silver, await lake.RowsAsync("SELECT user_id, email, team_id, _position FROM silver.users ORDER BY user_id"));
        Assert.Equal(model.Quarantine, await lake.RowsAsync("SELECT user_id, _op, _position, _rules FROM silver.users__quarantine ORDER BY ALL"));
        Assert.Equal([model.Sums], await lake.RowsAsync("""
            SELECT SUM(rows_in), SUM(quarantined - released), SUM(superseded + replaced) + SUM(deleted + truncated),
              SUM(accepted - replaced - truncated) + SUM(superseded + replaced) + SUM(deleted + truncated) + SUM(quarantined - released)
            FROM silver._quality WHERE table_name = 'silver/users'
            """));
        // Which of the rows that a truncate removed had been replaced before depends on when they came.
        if (history.Any(step => step.Users.Any(user => user.Op == "t"))) return;
        Assert.Equal([$"{model.Deletes}|0"], await lake.RowsAsync("SELECT SUM(deleted), SUM(truncated) FROM silver._quality WHERE table_name = 'silver/users'"));
    }

    private static string Values(IEnumerable<string> rows, string columns) => $"SELECT * FROM (VALUES {string.Join(", ", rows)}) AS v({columns})";

    private sealed record Step(User[] Users, int[] Teams, bool Runs);

    private sealed record User(int? Id, string? Email, long? Team, string Op, int Position)
    {
        public string ToSql() => $"(CAST({Id?.ToString() ?? "NULL"} AS BIGINT), CAST({(Email is null ? "NULL" : $"'{Email}'")} AS VARCHAR), CAST({Team?.ToString() ?? "NULL"} AS BIGINT), '{Op}', {Position}, CAST(NULL AS VARCHAR))";

        /// <param name="truncated">The position of the last truncate: what it removed waits for nobody.</param>
        public string? BrokenRule(HashSet<long> teams, int truncated) =>
            Op is "d" or "t" ? null
            : Email is null ? "required:email"
            : !Email.Contains('@') ? "email_valid"
            : Position > truncated && Team is { } team && !teams.Contains(team) ? "team_exists"
            : null;
    }

    /// <summary>The whole history at once, by the words of the contract.</summary>
    private sealed record Model(IReadOnlyList<string> Silver, IReadOnlyList<string> Quarantine, string Sums, int Deletes)
    {
        public static Model Of(User[] users, HashSet<long> teams)
        {
            var truncated = users.Where(user => user.Op == "t").Select(user => user.Position).DefaultIfEmpty(-1).Max();
            var good = users.Where(user => user.BrokenRule(teams, truncated) is null).ToList();
            // What was mended, deleted or removed at the source since waits no more.
            var bad = users.Where(user => user.BrokenRule(teams, truncated) is not null).ToList();
            // Who waits for a parent may yet be the newer one of two at one place.
            var broken = bad.Where(user => user.Position > truncated && !good.Exists(newer => newer.Id == user.Id && (newer.Position > user.Position || (newer.Position == user.Position && user.BrokenRule(teams, truncated) != "team_exists")))).ToList();
            var latest = good.Where(user => user.Position > truncated).GroupBy(user => user.Id).Select(rows => rows
                .OrderByDescending(user => user.Position).ThenByDescending(user => user.Email, StringComparer.Ordinal).ThenByDescending(user => user.Team ?? long.MinValue).First())
                .Where(user => user.Op != "d").OrderBy(user => user.Id).ToList();
            return new Model(
                [.. latest.Select(user => $"{user.Id}|{user.Email}|{user.Team}|{user.Position}")],
                [.. broken.OrderBy(user => user.Id).ThenBy(user => user.Op, StringComparer.Ordinal).ThenBy(user => user.Position).ThenBy(user => user.BrokenRule(teams, truncated), StringComparer.Ordinal)
                    .Select(user => $"{user.Id}|{user.Op}|{user.Position}|{user.BrokenRule(teams, truncated)}")],
                $"{users.Length}|{broken.Count}|{users.Length - broken.Count - latest.Count}|{users.Length}",
                good.Count(user => user.Op == "d"));
        }
    }
}
