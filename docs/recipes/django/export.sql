SELECT auth_user.id, auth_user.email, first_name, last_name, username, password, is_active, is_staff
     , account_emailaddress.verified -- django-allauth
FROM auth_user
LEFT JOIN account_emailaddress ON user_id = auth_user.id AND account_emailaddress."primary" -- django-allauth
ORDER BY auth_user.id;
