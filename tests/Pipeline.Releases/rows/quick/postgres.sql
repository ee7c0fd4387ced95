UPDATE users SET city = 'City after {n}', updated_at = now() WHERE user_id = 1;
