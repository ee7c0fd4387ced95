namespace Pipeline.Core.Metrics;

public sealed partial class BreachForecast
{
    /// <summary>What waits at the source, and how fast it is landed.</summary>
    private sealed class Backlog
    {
        private const int SeenMax = 16;
        private const int SeenMin = 4;

        private readonly List<(double At, double Landed)> _seen = new(SeenMax);
        private double? _waiting;
        private (double At, double Landed, double Arrived)? _stop;

        /// <param name="isStopping">Whether what waits now is what a stop would begin with.</param>
        public void Observe(double now, double? waiting, double? landed, bool isStopping, Scale scale)
        {
            _waiting = waiting;
            if (waiting is not { } records || landed is not { } sum || (_seen.Count > 0 && sum < _seen[^1].Landed))
            {
                _seen.Clear();
                _stop = null;
                return;
            }

            if (_seen.Count > 1 && now - _seen[^2].At < scale.TroughEvery) _seen.RemoveAt(_seen.Count - 1);
            while (_seen.Count == SeenMax || (_seen.Count >= SeenMin && now - _seen[0].At > scale.PauseMin)) _seen.RemoveAt(0);
            _seen.Add((now, sum));
            if (isStopping) _stop = (now, sum, Math.Max(_stop?.Arrived ?? 0, records + sum));
        }

        public void Forget() => _stop = null;

        /// <summary>How long until all is landed that waits now. Null: nothing is landed, or it is not known.</summary>
        public double? LandedIn()
        {
            if (_seen.Count < SeenMin) return null;
            var ((from, before), (to, now)) = (_seen[0], _seen[^1]);
            return now > before ? _waiting * (to - from) / (now - before) : null;
        }

        /// <summary>How long until all is landed that waited when the stop began. Null: nothing is landed, or that is landed already and not what keeps the table.</summary>
        public double? StopEndsIn()
        {
            if (_stop is not { } stop) return null;
            var (now, landed) = _seen[^1];
            return landed > stop.Landed && stop.Arrived > landed ? (stop.Arrived - landed) * (now - stop.At) / (landed - stop.Landed) : null;
        }
    }
}
