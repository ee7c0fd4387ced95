namespace Pipeline.Core.Metrics;

public sealed partial class BreachForecast
{
    /// <summary>What waits at the source, and how fast it is landed.</summary>
    private sealed class Backlog
    {
        private const int SeenMax = 16;
        private const int SeenMin = 4;
        private const int ArrivalsMax = 32;

        private readonly List<(double At, double Landed)> _seen = new(SeenMax);

        /// <summary>Moments, and how much is known to hold all that had arrived by then; those of which not all has landed.</summary>
        private readonly List<(double At, double Arrived)> _arrivals = new(ArrivalsMax);
        private (double At, double Arrived, double Landed, SplitId? Split)? _counted;
        private double? _waiting;
        private (double At, double Landed, double Arrived)? _stop;

        private double? _reflected;

        /// <summary>
        /// By what has been counted, the moment of which all has landed that had arrived by then, whatever clock said when that was.
        /// Null: not known.
        /// </summary>
        /// <remarks>More is known to have arrived only by who has looked since it was last told: all that had arrived by then is in that.</remarks>
        public double? Count(double now, TableSignals signals, Scale scale)
        {
            if (signals is not { LagRecords: { } waiting, LandedRecords: { } landed })
            {
                Restart();
                return null;
            }

            var arrived = waiting + landed;
            if (_counted is { } counted)
            {
                if (counted.Split != signals.Split || landed < counted.Landed) Restart();
                else if (arrived > counted.Arrived && (_arrivals.Count == 0 || counted.At - _arrivals[^1].At >= scale.TroughEvery / 2))
                {
                    // Of many that wait every second one tells enough.
                    if (_arrivals.Count == ArrivalsMax)
                        for (var i = ArrivalsMax - 1; i > 0; i -= 2) _arrivals.RemoveAt(i);
                    _arrivals.Add((counted.At, arrived));
                }
            }

            _counted = (now, arrived, landed, signals.Split);
            while (_arrivals.Count > 0 && _arrivals[0].Arrived <= landed)
            {
                _reflected = _arrivals[0].At;
                _arrivals.RemoveAt(0);
            }

            return _reflected;
        }

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

        private void Restart()
        {
            _arrivals.Clear();
            _seen.Clear();
            (_stop, _counted, _reflected) = (null, null, null);
        }

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
