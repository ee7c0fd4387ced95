using System.Text;

namespace Pipeline.Telemetry.Tests.Alerting;

/// <summary>A page to the person on call.</summary>
/// <param name="Began">Seconds from the start of the history.</param>
/// <param name="Cleared">The same; null when it did not end.</param>
/// <param name="Table">The table that it names; null when it names none.</param>
public sealed record Page(double Began, double? Cleared = null, string? Table = null)
{
    /// <summary>What several rules or tables tell at once is one page: intervals that overlap, or follow each other within <paramref name="gap"/> seconds.</summary>
    public static IReadOnlyList<Page> Union(IEnumerable<Page> told, double gap = 60)
    {
        List<Page> pages = [];
        foreach (var next in told.OrderBy(page => page.Began))
        {
            if (pages.Count > 0 && next.Began <= (pages[^1].Cleared ?? double.PositiveInfinity) + gap)
                pages[^1] = pages[^1] with { Cleared = pages[^1].Cleared is { } first && next.Cleared is { } second ? Math.Max(first, second) : null };
            else pages.Add(next);
        }
        return pages;
    }
}

/// <summary>What is to be said of the pages of one history.</summary>
/// <param name="IsMissed">It had to page and did not, or not in time.</param>
/// <param name="FalsePages">Pages for nothing, for a table that was well, and, where it may page once, each that followed.</param>
/// <param name="Repeats">Pages that followed the first for the same.</param>
/// <param name="Forecast">Seconds from the first page that was right to the true breach; negative when it came after; null when there was none.</param>
public sealed record Judgement(History History, bool IsMissed, int FalsePages, int Repeats, double? Forecast, IReadOnlyList<Page> Pages)
{
    public override string ToString() => $"{History} — {(IsMissed ? "missed" : "")}{(FalsePages > 0 ? $" {FalsePages} false" : "")}{(Repeats > 0 ? $" {Repeats} repeated" : "")}"
        + $" pages at {string.Join(", ", Pages.Select(page => $"{page.Began / 60:0}..{page.Cleared / 60:0}"))}{(History.Breach is { } breach ? $"; onset {History.Onset / 60:0}, breach {breach / 60:0}" : "")}";
}

/// <summary>
/// Judges an alarm by when its pages began: <c>Judge.Of(history, pages)</c> for one history, <c>new Judge.Totals(judgements)</c> for all.
/// <c>Totals.Faults</c> is empty when the requirement is met: every history that must page pages in time, at most one page of all
/// is false, and 90 % of the slow breaches are told 15 minutes before they happen.
/// </summary>
public static class Judge
{
    public const double ForecastWanted = 900, ForecastShareWanted = 0.9;
    public const int FalsePagesAllowed = 1;

    public static Judgement Of(History history, IReadOnlyList<Page> pages)
    {
        bool IsOfIt(Page page) => page.Began >= history.Onset && page.Began <= (history.End ?? double.PositiveInfinity) && (page.Table is null || page.Table == history.Culprit);
        var right = pages.Where(IsOfIt).OrderBy(page => page.Began).ToList();
        var repeats = Math.Max(0, right.Count - 1);
        return history.Paging switch
        {
            Paging.May => new Judgement(history, false, 0, 0, null, pages),
            Paging.MustNot => new Judgement(history, false, pages.Count, 0, null, pages),
            _ => new Judgement(history, !right.Any(page => page.Began <= history.PageBy), pages.Count - right.Count + (history.PagesOnce ? repeats : 0), repeats, history.Breach - right.FirstOrDefault()?.Began, pages),
        };
    }

    public sealed class Totals(IReadOnlyCollection<Judgement> judgements)
    {
        public int Histories => judgements.Count;
        public int MustPage => judgements.Count(j => j.History.Paging == Paging.Must);
        public int Missed => judgements.Count(j => j.IsMissed);
        public double Recall => MustPage == 0 ? 1 : 1 - ((double)Missed / MustPage);
        public int FalsePages => judgements.Sum(j => j.FalsePages);
        public int Repeats => judgements.Sum(j => j.Repeats);
        public int SlowBreaches => judgements.Count(j => j.History.IsSlow);
        public int Forecast => judgements.Count(j => j.History.IsSlow && j.Forecast >= ForecastWanted);
        public double ForecastShare => SlowBreaches == 0 ? 1 : (double)Forecast / SlowBreaches;

        /// <summary>What is not as it must be, and the histories that show it; empty when all is.</summary>
        public string Faults
        {
            get
            {
                var text = new StringBuilder();
                if (Missed > 0) Tell(text, $"Recall is {Recall:P1}, not 100 %: {Missed} of {MustPage} were missed.", j => j.IsMissed);
                if (FalsePages > FalsePagesAllowed) Tell(text, $"{FalsePages} false pages, and {FalsePagesAllowed} is allowed.", j => j.FalsePages > 0);
                if (ForecastShare < ForecastShareWanted)
                    Tell(text, $"{ForecastShare:P1} of {SlowBreaches} slow breaches were told {ForecastWanted / 60:0} minutes before, not {ForecastShareWanted:P0}.", j => j.History.IsSlow && !(j.Forecast >= ForecastWanted));
                return text.ToString();
            }
        }

        public override string ToString() =>
            $"{Histories} histories: recall {Recall:P1} of {MustPage}, {FalsePages} false pages, {Repeats} repeated, {Forecast} of {SlowBreaches} slow breaches told {ForecastWanted / 60:0} min before ({ForecastShare:P0})";

        private void Tell(StringBuilder text, string what, Func<Judgement, bool> isOfIt)
        {
            text.AppendLine(what);
            foreach (var judgement in judgements.Where(isOfIt)) text.Append("  ").AppendLine(judgement.ToString());
        }
    }
}
