SELECT users.id, users.email, encrypted_password, email_confirmed_at, users.phone
     , raw_user_meta_data, raw_app_meta_data, mfa_factors.secret AS totp_secret
FROM auth.users
LEFT JOIN auth.mfa_factors
  ON user_id = users.id AND factor_type = 'totp' AND mfa_factors.status = 'verified'
WHERE deleted_at IS NULL
  AND NOT is_anonymous
  AND (banned_until IS NULL OR banned_until < CURRENT_TIMESTAMP)
ORDER BY users.id, mfa_factors.id;
